#include "session/process/interrupts.hpp"

#include <csignal>

// Signals during a run. A handler may only set a flag; the loop over cases asks for it between two
// cases.

namespace lensbench {
namespace {

// The only type that a signal handler may set.
volatile std::sig_atomic_t interrupted = 0;

}  // namespace

void catch_interrupts() {
  interrupted = 0;  // an earlier run of this process may have been interrupted
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  // SA_RESETHAND: a second signal ends the process. SA_RESTART: system calls are not cut short by
  // the first one.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Without it, a file size limit would end the process instead of failing the write.
  std::signal(SIGXFSZ, SIG_IGN);
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace lensbench
