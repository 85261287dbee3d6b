#include "model/threads.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>

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

}  // namespace

void set_threads(int threads) {
  if (threads < 1) throw UsageError("threads must be at least 1, found " + std::to_string(threads));
  at::set_num_threads(threads);
  if (const auto set_blas = blas_function<void(int)>("openblas_set_num_threads")) set_blas(threads);
}

ThreadReport thread_report() {
  ThreadReport report;
  report.threads = at::get_num_threads();
  if (const auto get_blas = blas_function<int()>("openblas_get_num_threads"))
    report.blas_threads = get_blas();
  report.blas_core = blas_text("openblas_get_corename");
  report.blas_config = blas_text("openblas_get_config");
  return report;
}

}  // namespace lensbench
