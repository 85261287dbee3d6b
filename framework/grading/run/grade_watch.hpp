#pragma once

#include <string>
#include <utility>

#include "grading/run/task_record.hpp"
#include "session/process/crash_report.hpp"
#include "session/process/exit_guard.hpp"

namespace lensbench::grading {

/// While it exists, a process that code of a plug-in ends, by a crash or by `exit`, says which task
/// and tool ran. One object at a time.
class GradeWatch {
 public:
  /// \param store  is told what runs; must outlive this object
  explicit GradeWatch(RecordStore& store)
      : store_(store), crash_(store.advice()), guard_([this] { return message_at_exit(); }) {
    crash_.note("the grading");
  }
  /// A grading that ends by an exception ends with its own message, and leaves no note.
  ~GradeWatch() { store_.note(""); }
  GradeWatch(const GradeWatch&) = delete;
  GradeWatch& operator=(const GradeWatch&) = delete;

  /// Notes what runs now; empty for nothing.
  void note(std::string now) {
    now_ = std::move(now);
    store_.note(now_);
    crash_.note(now_.empty() ? "the grading" : now_);
  }

 private:
  std::string message_at_exit() const {
    return (now_.empty() ? "the grading" : now_) +
           ": code of a plug-in ended the process with exit()" + store_.advice();
  }

  RecordStore& store_;
  std::string now_;
  CrashReport crash_;
  ExitGuard guard_;
};

}  // namespace lensbench::grading
