#include "measure.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <string>

namespace lensbench::benchmarks {
namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

std::int64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    std::int64_t kilobytes = 0;
    if (name == field + ":") return status >> kilobytes ? kilobytes * 1024 : 0;
    std::getline(status, name);
  }
  return 0;
}

}  // namespace

Clock Clock::now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime), seconds(usage.ru_utime)};
}

std::int64_t peak_resident_bytes() {
  return status_bytes("VmHWM");
}
std::int64_t resident_bytes() {
  return status_bytes("VmRSS");
}

bool reset_peak_resident() {
  malloc_trim(0);
  std::ofstream references("/proc/self/clear_refs");
  references << "5" << std::flush;
  return references.good();
}

}  // namespace lensbench::benchmarks
