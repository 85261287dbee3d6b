#include "model/runtime/threads.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <thread>

namespace lensbench {
namespace {

/// A function of the BLAS in this process, looked up by name since the headers depend on the BLAS.
template <class Function>
Function* blas_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string blas_text(const char* name) {
  const auto function = blas_function<char*()>(name);
  const char* text = function ? function() : nullptr;
  return text ? text : "";
}

/// True if matrix products run on OpenBLAS's own threads, in addition to those of libtorch.
bool blas_has_own_threads() {
  constexpr int kPosixThreads = 1;  // openblas_get_parallel: 0 none, 1 its own, 2 OpenMP
  const auto get_kind = blas_function<int()>("openblas_get_parallel");
  return get_kind && get_kind() == kPosixThreads;
}

/// 0 if the BLAS is not OpenBLAS. Every parallel loop asks, and the search takes microseconds.
int blas_thread_count() {
  static const auto get = blas_function<int()>("openblas_get_num_threads");
  return get ? get() : 0;
}

}  // namespace

/// For the whole process: results have the same bits only with the same number of threads.
void set_threads(int threads) {
  if (threads < 1)
    throw UsageError("threads: found " + std::to_string(threads) + ", expected at least 1");
  // Threads of both kinds spin while they wait for work: with one of each per core, a forward takes
  // longer than on a single core. Nearly all time is spent in products, so the BLAS gets the cores.
  at::set_num_threads(blas_has_own_threads() ? 1 : threads);
  if (const auto set_blas = blas_function<void(int)>("openblas_set_num_threads")) set_blas(threads);
}

int default_threads() {
  if (const char* given = std::getenv("OMP_NUM_THREADS")) {
    // A list such as `4,2` gives the threads of nested levels; the first counts.
    const int threads = std::atoi(given);
    if (threads >= 1) return threads;
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int thread_count() {
  return std::max(at::get_num_threads(), blas_thread_count());
}

/// What is in use, which may differ from what was set.
ThreadReport thread_report() {
  ThreadReport report;
  report.libtorch_threads = at::get_num_threads();
  report.blas_threads = blas_thread_count();
  report.threads = thread_count();
  report.blas_core = blas_text("openblas_get_corename");
  report.blas_config = blas_text("openblas_get_config");
  return report;
}

}  // namespace lensbench
