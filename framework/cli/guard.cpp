#include "cli/guard.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <lensbench/error.hpp>

namespace lensbench::cli {
namespace {

constexpr rlim_t kSeconds = 3600;
constexpr rlim_t kMoreMemory = rlim_t{16} << 30;  // over what the libraries have mapped already
constexpr rlim_t kOpenFiles = 64;

void limit(decltype(RLIMIT_AS) resource, rlim_t most) {
  rlimit current{};
  if (getrlimit(resource, &current) != 0) return;
  if (current.rlim_cur != RLIM_INFINITY && current.rlim_cur <= most) return;
  const rlimit lower{most, current.rlim_max};
  setrlimit(resource, &lower);
}

rlim_t mapped_bytes() {
  std::ifstream file("/proc/self/statm");
  rlim_t pages = 0;
  file >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

void set_limits() {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, kSeconds);
  limit(RLIMIT_NOFILE, kOpenFiles);
  limit(RLIMIT_AS, mapped_bytes() + kMoreMemory);
}

std::string what_ended(int signal) {
  if (signal == SIGXCPU || signal == SIGKILL)
    return "reading it took more time or memory than an archive may";
  return std::string("reading it ended in '") + strsignal(signal) + "'";
}

}  // namespace

int in_child(const std::string& subject, const std::function<int()>& work) {
  std::cout.flush();
  std::cerr.flush();
  const pid_t child = fork();
  if (child < 0)
    throw RunError(std::string("no process can be started to read in: ") + std::strerror(errno));
  if (child == 0) {
    set_limits();
    const int code = work();
    std::cout.flush();
    std::cerr.flush();
    _exit(std::cout ? code : 5);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (signal == SIGINT || signal == SIGTERM || signal == SIGPIPE) return 128 + signal;
  throw InputError(subject + ": damaged archive: " + what_ended(signal));
}

}  // namespace lensbench::cli
