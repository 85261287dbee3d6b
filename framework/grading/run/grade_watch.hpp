#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "grading/run/task_record.hpp"
#include "session/process/crash_report.hpp"
#include "session/process/exit_guard.hpp"

namespace lensbench::grading {

/// While it exists, a process that code of a plug-in ends, by a crash or by `exit`, says which task
/// and tool ran; of several that ran at a time, it names that of the thread which crashed, or all
/// if a thread of the tool did. One object at a time.
class GradeWatch {
 public:
  /// \param store  receives the name of what runs; must outlive this object
  explicit GradeWatch(RecordStore& store)
      : store_(store), crash_(store.advice()), guard_([this] { return message_at_exit(); }) {
    crash_.note("the grading");
  }
  /// A grading that ends by an exception ends with its own message, and leaves no note.
  ~GradeWatch() { store_.note(""); }
  GradeWatch(const GradeWatch&) = delete;
  GradeWatch& operator=(const GradeWatch&) = delete;

  /// Notes what this thread runs now; empty for nothing. One thread at a time may call it.
  void note(const std::string& now) {
    const std::lock_guard lock(mutex_);
    if (now.empty())
      now_.erase(std::this_thread::get_id());
    else
      now_[std::this_thread::get_id()] = now;
    store_.note(now_.empty() ? "" : all());
    crash_.note_of_thread(now);
    crash_.note(now_.empty() ? "the grading" : all());
  }

 private:
  /// What all threads run, in whole texts, since a note and a crash report hold about 1000 bytes.
  std::string all() const {
    constexpr std::size_t kMost = 960;
    std::string text = now_.size() > 1 ? "one of these: " : "";
    std::size_t named = 0;
    for (const auto& [thread, one] : now_) {
      if (named > 0 && text.size() + one.size() > kMost) break;
      text += (named++ == 0 ? "" : "; ") + one;
    }
    const std::size_t others = now_.size() - named;
    return others == 0 ? text : text + "; and " + std::to_string(others) + " more";
  }

  std::string message_at_exit() const {
    const std::lock_guard lock(mutex_);
    const auto here = now_.find(std::this_thread::get_id());
    return (here == now_.end() ? "the grading" : here->second) +
           ": code of a plug-in ended the process with exit()" + store_.advice();
  }

  RecordStore& store_;
  mutable std::mutex mutex_;                    ///< guards the texts
  std::map<std::thread::id, std::string> now_;  ///< what each thread runs
  CrashReport crash_;
  ExitGuard guard_;
};

}  // namespace lensbench::grading
