#include "session/process/crash_report.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>

// A handler of signals may neither take memory nor lock, so the texts are in buffers of fixed
// size, which it only writes out.

namespace lensbench {
namespace {

/// A text that is cut to the size of its buffer.
struct CrashText {
  std::array<char, 1024> bytes{};
  std::atomic<std::size_t> size = 0;

  void set(std::string_view text) {
    size = 0;  // a crash meanwhile finds no text, and never half of one
    const std::size_t kept = std::min(text.size(), bytes.size());
    std::memcpy(bytes.data(), text.data(), kept);
    size = kept;
  }
};

/// What one thread runs. A thread has none until it notes something.
struct ThreadPlace {
  std::atomic<pid_t> thread = 0;  ///< id by the system; 0: the place is free
  CrashText text;
};

CrashText crash_place, crash_advice;
/// More threads than a run has; further ones have no place.
std::array<ThreadPlace, 64> thread_places;
/// Id of the process whose crash is reported, 0 without a report. A process that it forks has
/// another id.
std::atomic<pid_t> reported_process = 0;

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

void say_at_crash(std::string_view text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

/// Signals of a crash come to the thread that crashed. \return its text, or that of the process
const CrashText& place_of_crash() {
  const pid_t thread = gettid();
  for (const ThreadPlace& place : thread_places)
    if (place.thread == thread && place.text.size > 0) return place.text;
  return crash_place;
}

void report_crash(int signal, siginfo_t* info, void*) {
  // The signal comes again after this handler, and then ends the process.
  ::signal(signal, SIG_DFL);
  if (reported_process == getpid()) {
    say_at_crash("lensbench: ");
    if (const CrashText& place = place_of_crash(); place.size == 0)
      say_at_crash("the run");
    else
      say_at_crash({place.bytes.data(), place.size});
    say_at_crash(": the process crashed");
    if (signal == SIGSEGV && info->si_code == SEGV_ACCERR)
      say_at_crash(
          " in a write to memory that is read-only, as the weights of the model are; change a copy "
          "(clone)");
    say_at_crash({crash_advice.bytes.data(), crash_advice.size});
    say_at_crash("\n");
  }
  raise(signal);
}

/// A handler of others, such as that of a sanitizer, stays.
void catch_crash(int signal) {
  struct sigaction now {};
  if (sigaction(signal, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0 ||
      now.sa_handler != SIG_DFL)
    return;
  struct sigaction action {};
  action.sa_sigaction = report_crash;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

/// Place of this thread, or a free one that is its own from now on; null: all are taken.
ThreadPlace* own_place() {
  const pid_t thread = gettid();
  for (ThreadPlace& place : thread_places)
    if (place.thread == thread) return &place;
  for (ThreadPlace& place : thread_places)
    if (pid_t nobody = 0; place.thread.compare_exchange_strong(nobody, thread)) return &place;
  return nullptr;
}

void free_places() {
  for (ThreadPlace& place : thread_places) {
    place.text.set("");
    place.thread = 0;
  }
}

}  // namespace

CrashReport::CrashReport(const std::string& advice) {
  crash_place.set("");
  free_places();
  crash_advice.set(advice);
  reported_process = getpid();
  for (const int signal : kCrashes) catch_crash(signal);
}

CrashReport::~CrashReport() {
  reported_process = 0;
  free_places();
  for (const int signal : kCrashes) {
    struct sigaction now {};
    if (sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
        now.sa_sigaction == report_crash)
      ::signal(signal, SIG_DFL);
  }
}

void CrashReport::note(const std::string& now) {
  crash_place.set(now);
}

void CrashReport::note_of_thread(const std::string& now) {
  ThreadPlace* place = own_place();
  if (place == nullptr) return;
  place->text.set(now);
  if (now.empty()) place->thread = 0;
}

}  // namespace lensbench
