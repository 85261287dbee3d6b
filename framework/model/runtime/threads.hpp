#pragma once

#include <string>

namespace lensbench {

/// Threads and kernels that the linear algebra really uses; they determine the last bits of
/// results.
struct ThreadReport {
  int threads = 1;           ///< cores in use: the larger of the two below
  int libtorch_threads = 1;  ///< threads of libtorch's own loops
  int blas_threads = 0;      ///< threads of OpenBLAS; 0 with another library
  std::string blas_core;     ///< kernel set OpenBLAS chose for this CPU (`Zen`); empty if unknown
  std::string blas_config;   ///< version and build options of OpenBLAS; empty if unknown
};

/// Sets the threads of the BLAS, of lensbench's kernels, and of libtorch's loops if those share
/// threads with the BLAS (otherwise libtorch gets one). Acts on the whole process.
/// \param threads  at least 1
/// \throws UsageError for fewer
void set_threads(int threads);

/// Threads to use where no number is asked for: OMP_NUM_THREADS if it is set, else the processors
/// that this process may use (its affinity mask).
int default_threads();

/// `thread_report().threads`, without the search for the names.
int thread_count();

ThreadReport thread_report();

}  // namespace lensbench
