#pragma once

#include <filesystem>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <vector>

namespace lensbench {

/// Writes variables as a NumPy archive (`numpy.load`): one `.npy` a variable, in its own element
/// type; texts as fixed-width Unicode. Written beside its place first, then renamed.
/// \throws RunError if it cannot be written
LENSBENCH_API void write_npz(const std::filesystem::path& path,
                             const std::vector<Variable>& variables);

}  // namespace lensbench
