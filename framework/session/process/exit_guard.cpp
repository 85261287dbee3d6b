#include "session/process/exit_guard.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

// Guard against `exit`, `quick_exit` and `_exit` in a plug-in. They would end a run with the exit
// code of the plug-in, 0 perhaps, as if all cases were done. The function that they call replaces
// that by a message and code 5.

namespace lensbench {
namespace {

// A function that `exit` calls does not get an argument, so what it needs is global. It is never
// destroyed, because `exit` also destroys global objects.
std::function<std::string()>& message_at_exit() {
  static auto& message = *new std::function<std::string()>;
  return message;
}

// The process that the guard is for; those that it forks may end by `_exit`.
pid_t& guarded_process() {
  static pid_t process = 0;
  return process;
}

// Without a guard the process ends as it was asked to.
void end_with_message() {
  if (!message_at_exit() || guarded_process() != getpid()) return;
  const auto message = std::exchange(message_at_exit(), nullptr);
  const std::string text = "lensbench: " + message() + "\n";
  // `write` and `_exit`, because streams and other exit functions may already be destroyed.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  _exit(5);
}

// `_exit` calls no function, but the program lensbench replaces it (cli/main.cpp); other programs
// with this library do not.
void watch_immediate_exit() {
  using Set = void (*)(void (*)());
  void* set = dlsym(RTLD_DEFAULT, "lensbench_set_before_immediate_exit");
  if (set != nullptr) reinterpret_cast<Set>(set)(end_with_message);
}

}  // namespace

ExitGuard::ExitGuard(std::function<std::string()> message)
    : outer_(std::exchange(message_at_exit(), std::move(message))) {
  guarded_process() = getpid();
  watch_immediate_exit();
  // Registered once for the process, since a registration cannot be removed.
  [[maybe_unused]] static const int registered =
      std::atexit(end_with_message) + std::at_quick_exit(end_with_message);
}

ExitGuard::~ExitGuard() {
  message_at_exit() = std::move(outer_);
}

}  // namespace lensbench
