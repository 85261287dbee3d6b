// The program `lensbench`. It contains the table of commands and loads the library, which needs
// libtorch, only to run a command. Help, completion and usage errors therefore need little time.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <lensbench/error.hpp>
#include <string>

#include "cli/command_line.hpp"

namespace {

using CommandLine = int (*)(int, char**);

// The program's run path finds the library both in the build tree and where it is installed.
CommandLine load_library() {
  // RTLD_GLOBAL: plug-ins that are loaded later resolve their symbols in this library.
  void* library = dlopen(LENSBENCH_LIBRARY, RTLD_LAZY | RTLD_GLOBAL);
  void* found = library == nullptr ? nullptr : dlsym(library, "lensbench_command_line");
  if (found == nullptr)
    throw lensbench::RunError(std::string("the library " LENSBENCH_LIBRARY " cannot be loaded: ") +
                              dlerror() + "; install lensbench again");
  return reinterpret_cast<CommandLine>(found);
}

/// Ends the process without the destructors of static objects: those of libtorch need longer than a
/// short command, and everything was written when the command returned.
[[noreturn]] void leave(int code) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  _exit(code);
}

void (*before_immediate_exit)() = nullptr;

/// Ends the process by the function of that name which this program replaces.
[[noreturn]] void end_process(const char* name, int code) {
  if (before_immediate_exit != nullptr) before_immediate_exit();
  // A sanitizer has such a function too, which reports.
  if (void* next = dlsym(RTLD_NEXT, name)) reinterpret_cast<void (*)(int)>(next)(code);
  while (true) syscall(SYS_exit_group, code);
}

}  // namespace

// `_exit` and `_Exit` of a plug-in end a process without any exit function, so a run would end with
// the code of the plug-in. Symbols of the program precede those of the C library in every library
// that is loaded: the library of lensbench asks here to be called first
// (session/process/exit_guard.cpp).
extern "C" {
[[gnu::visibility("default")]] void lensbench_set_before_immediate_exit(void (*function)()) {
  before_immediate_exit = function;
}
[[gnu::visibility("default")]] void _exit(int code) {
  end_process("_exit", code);
}
[[gnu::visibility("default")]] void _Exit(int code) noexcept {
  end_process("_Exit", code);
}
}

int main(int argc, char** argv) {
  // A limit on the size of files then fails a write, with a message, and does not end the process.
  std::signal(SIGXFSZ, SIG_IGN);
  const int code = lensbench::cli::run_command_line(
      {argv + 1, argv + argc},
      [&](const lensbench::cli::Options&) { return load_library()(argc - 1, argv + 1); });
#ifdef LENSBENCH_EXIT_WITH_DESTRUCTORS
  return code;
#else
  leave(code);
#endif
}
