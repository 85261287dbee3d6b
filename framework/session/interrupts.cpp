#include "session/interrupts.hpp"

#include <csignal>

namespace lensbench {
namespace {

// The only type that a signal handler may set.
volatile std::sig_atomic_t interrupted = 0;

}  // namespace

void catch_interrupts() {
  interrupted = 0;  // an earlier run of this process may have been interrupted
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace lensbench
