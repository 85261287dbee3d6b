#include "session/exit_guard.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace lensbench {
namespace {

// A function that `exit` calls has no argument, so what it needs is global. It is never destroyed,
// because `exit` also destroys global objects.
std::function<std::string()>& message_at_exit() {
  static auto& message = *new std::function<std::string()>;
  return message;
}

void end_with_message() {
  if (!message_at_exit()) return;
  const std::string text = "lensbench: " + message_at_exit()() + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  _exit(5);
}

}  // namespace

ExitGuard::ExitGuard(std::function<std::string()> message) {
  message_at_exit() = std::move(message);
  [[maybe_unused]] static const int registered = std::atexit(end_with_message);
}

ExitGuard::~ExitGuard() {
  message_at_exit() = nullptr;
}

}  // namespace lensbench
