#pragma once

#include <lensbench/export.hpp>
#include <string>

namespace lensbench {

/// What the linear algebra really runs with; it decides the last bits of every result.
struct ThreadReport {
  int threads = 1;           ///< cores in use at once: the larger of the two below
  int libtorch_threads = 1;  ///< of libtorch's own loops
  int blas_threads = 0;      ///< of OpenBLAS; 0 when another library does the products
  std::string blas_core;     ///< kernel set OpenBLAS chose for this CPU (`Zen`); empty if unknown
  std::string blas_config;   ///< version and build options of OpenBLAS; empty if unknown
};

/// Sets the threads of the BLAS, of our own kernels, and of libtorch's own loops where those share
/// theirs with the BLAS (libtorch's get one otherwise). Process-wide.
/// \param threads  at least 1 \throws UsageError otherwise
LENSBENCH_API void set_threads(int threads);

LENSBENCH_API ThreadReport thread_report();

}  // namespace lensbench
