#include "session/environment.hpp"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "archive/hdf5/hdf5_version.hpp"
#include "core/text/suggest.hpp"
#include "core/text/utf8.hpp"
#include "core/version.hpp"
#include "model/runtime/libtorch_facts.hpp"
#include "model/runtime/threads.hpp"

// Facts about software and hardware that predict equal bits. They are asked from the running
// process and not from the build, since libraries are exchanged and kernels are chosen at run time.
// Everything that differs between machines without an effect on numbers (host, paths, times) is
// kept apart.

namespace lensbench {
namespace {

// Field of the first processor in /proc/cpuinfo: `model name` or `flags`.
std::string cpu_field(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) {
      const auto colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  return "";
}

// CPU flags that select kernels.
std::string vector_flags() {
  const std::set<std::string> chosen = {"sse4_2",  "avx",         "avx2",    "fma",
                                        "avx512f", "avx512_bf16", "amx_bf16"};
  std::istringstream flags(cpu_field("flags"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;)
    if (chosen.contains(flag)) found.push_back(flag);
  return join(found, " ");
}

// Environment variables that may change numbers or select the libraries that compute them; never
// the whole environment, which holds secrets. Variables that hold a path are recorded separately,
// since a result does not depend on the folder in which it was made.
nlohmann::json variables(bool paths) {
  constexpr std::array kPrefixes = {"OPENBLAS_", "GOTO_",   "OMP_",           "GOMP_",   "KMP_",
                                    "MKL_",      "ATEN_",   "DNNL_",          "ONEDNN_", "TORCH_",
                                    "HDF5_",     "MALLOC_", "GLIBC_TUNABLES", "LD_"};
  nlohmann::json found = nlohmann::json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    // A prefix counts for all variables of its library, also for
    // those of later versions.
    const bool counts = std::any_of(kPrefixes.begin(), kPrefixes.end(),
                                    [&](const char* prefix) { return text.starts_with(prefix); });
    const auto equals = text.find('=');
    if (!counts || equals == std::string::npos) continue;
    const bool is_path = text.starts_with("LD_") || text.find('/', equals) != std::string::npos;
    // Values are not checked by anybody before, and JSON takes only UTF-8.
    if (is_path == paths)
      found[text.substr(0, equals)] = replace_invalid_utf8(text.substr(equals + 1));
  }
  return found;
}

// `PRETTY_NAME` of the distribution; empty if unknown.
std::string distribution() {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PRETTY_NAME=")) {
      std::string name = line.substr(line.find('=') + 1);
      std::erase(name, '"');
      return name;
    }
  return "";
}

/// Version of the zlib in the process; empty without one.
std::string zlib_version() {
  const auto version = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "zlibVersion"));
  return version == nullptr ? "" : version();
}

// A processor flag can make it treat denormal numbers as 0.
std::string denormals() {
#ifdef __SSE__
  constexpr unsigned kFlushed = 0x8040;  // flush to zero, denormals are zero
  return (_mm_getcsr() & kFlushed) == 0 ? "kept" : "flushed to zero";
#else
  return "";
#endif
}

}  // namespace

namespace {

/// Facts about the libraries and threads that compute.
nlohmann::json computation_facts() {
  const auto threads = thread_report();
  const auto libtorch = libtorch_facts();
  return {{"libtorch", libtorch.version},
          {"cpu_capability", libtorch.cpu_capability},
          {"onednn", libtorch.mkldnn},
          {"openmp", libtorch.openmp},
          {"blas_core", threads.blas_core},
          {"blas_config", threads.blas_config},
          {"blas_threads", threads.blas_threads},
          {"threads", threads.threads},
          {"libtorch_threads", threads.libtorch_threads},
          {"interop_threads", libtorch.interop_threads}};
}

}  // namespace

/// Names are part of the format of archives: `diff` and `replay` compare them one by one.
nlohmann::json environment_facts() {
  const auto build = build_info();
  utsname system{};
  uname(&system);
  nlohmann::json facts = {{"lensbench", build.version},
                          {"git_commit", build.git_commit},
                          {"compiler", build.compiler},
                          {"build_type", build.build_type},
                          {"hdf5", hdf5_version()},
                          {"zlib", zlib_version()},
                          {"libc", std::string("glibc ") + gnu_get_libc_version()},
                          {"libstdcxx", std::to_string(__GLIBCXX__)},
                          {"denormals", denormals()},
                          {"cpu", cpu_field("model name")},
                          {"cpu_flags", vector_flags()},
                          {"architecture", system.machine},
                          {"distribution", distribution()},
                          {"operating_system", std::string(system.sysname) + " " + system.release},
                          {"variables", variables(false)}};
  facts.update(computation_facts());
  return facts;
}

nlohmann::json place_variables() {
  return variables(true);
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

}  // namespace lensbench
