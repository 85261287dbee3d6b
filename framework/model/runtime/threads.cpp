#include "model/runtime/threads.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <lensbench/error.hpp>

namespace lensbench {
namespace {

/// A function of the BLAS this process happens to have, which no header here declares.
template <class Function>
Function* blas_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string blas_text(const char* name) {
  const auto function = blas_function<char*()>(name);
  const char* text = function ? function() : nullptr;
  return text ? text : "";
}

/// Whether the products run on threads that OpenBLAS keeps itself, beside libtorch's.
bool blas_has_own_threads() {
  constexpr int kPosixThreads = 1;  // openblas_get_parallel: 0 none, 1 its own, 2 OpenMP
  const auto get_kind = blas_function<int()>("openblas_get_parallel");
  return get_kind && get_kind() == kPosixThreads;
}

}  // namespace

void set_threads(int threads) {
  if (threads < 1) throw UsageError("threads must be at least 1, found " + std::to_string(threads));
  // Both kinds of thread wait in a loop for the next piece of work: with as many of each as cores,
  // a forward takes longer than on one. Nearly all of the time is in products.
  at::set_num_threads(blas_has_own_threads() ? 1 : threads);
  if (const auto set_blas = blas_function<void(int)>("openblas_set_num_threads")) set_blas(threads);
}

ThreadReport thread_report() {
  ThreadReport report;
  report.libtorch_threads = at::get_num_threads();
  if (const auto get_blas = blas_function<int()>("openblas_get_num_threads"))
    report.blas_threads = get_blas();
  report.threads = std::max(report.libtorch_threads, report.blas_threads);
  report.blas_core = blas_text("openblas_get_corename");
  report.blas_config = blas_text("openblas_get_config");
  return report;
}

}  // namespace lensbench
