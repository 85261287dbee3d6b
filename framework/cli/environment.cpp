#include "cli/environment.hpp"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "archive/hdf5_version.hpp"
#include "core/suggest.hpp"
#include "core/version.hpp"
#include "model/threads.hpp"

namespace lensbench::cli {
namespace {

// `model name` or `flags` of the first processor.
std::string cpu_field(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) {
      const auto colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  return "";
}

// Those of the CPU's flags that choose kernels.
std::string vector_flags() {
  const std::set<std::string> chosen = {"sse4_2",  "avx",         "avx2",    "fma",
                                        "avx512f", "avx512_bf16", "amx_bf16"};
  std::istringstream flags(cpu_field("flags"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;)
    if (chosen.contains(flag)) found.push_back(flag);
  return join(found, " ");
}

// Only variables that change numbers; never the whole environment, which holds secrets and homes.
nlohmann::json numeric_variables() {
  constexpr std::array kPrefixes = {"OPENBLAS_", "OMP_", "MKL_", "ATEN_", "DNNL_", "GOMP_", "KMP_"};
  nlohmann::json variables = nlohmann::json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool counts = std::any_of(kPrefixes.begin(), kPrefixes.end(),
                                    [&](const char* prefix) { return text.starts_with(prefix); });
    const auto equals = text.find('=');
    if (counts && equals != std::string::npos)
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

}  // namespace

nlohmann::json environment_facts() {
  const auto build = build_info();
  const auto threads = thread_report();
  utsname system{};
  uname(&system);
  return {{"lensbench", build.version},
          {"git_commit", build.git_commit},
          {"compiler", build.compiler},
          {"build_type", build.build_type},
          {"libtorch", TORCH_VERSION},
          {"hdf5", hdf5_version()},
          {"blas_core", threads.blas_core},
          {"blas_config", threads.blas_config},
          {"blas_threads", threads.blas_threads},
          {"threads", threads.threads},
          {"libtorch_threads", threads.libtorch_threads},
          {"cpu", cpu_field("model name")},
          {"cpu_flags", vector_flags()},
          {"architecture", system.machine},
          {"operating_system", std::string(system.sysname) + " " + system.release},
          {"variables", numeric_variables()}};
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace lensbench::cli
