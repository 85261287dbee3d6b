#pragma once

#include <string>

namespace lensbench {

/// Versions, kernels and threads that libtorch uses in this process.
struct LibtorchFacts {
  std::string version;
  std::string cpu_capability;  ///< kernels in use: `AVX2`, `AVX512`, `DEFAULT`, …
  std::string mkldnn;          ///< version of oneDNN, or `not in use`
  std::string openmp;          ///< version, empty without
  int interop_threads = 0;
};

LibtorchFacts libtorch_facts();

}  // namespace lensbench
