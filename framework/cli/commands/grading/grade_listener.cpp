#include "cli/commands/grading/grade_listener.hpp"

#include <unistd.h>

#include <iostream>

#include "cli/commands/run_messages.hpp"
#include "session/process/interrupts.hpp"

namespace lensbench::cli {

grading::GradeListener grade_listener(bool quiet) {
  grading::GradeListener listener;
  listener.warn = quiet ? quietly : print_warning;
  listener.should_stop = was_interrupted;
  // A counter that is written over itself is for terminals alone.
  if (isatty(STDERR_FILENO) != 0 && !quiet)
    listener.on_task = [](std::size_t done, std::size_t all) {
      std::cerr << "\r" << done << " of " << all << " tasks" << (done == all ? "\n" : "")
                << std::flush;
    };
  return listener;
}

}  // namespace lensbench::cli
