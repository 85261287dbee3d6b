#pragma once

#include <filesystem>
#include <lensbench/dataset.hpp>
#include <vector>

namespace lensbench {

/// Writes variables as a NumPy archive (`numpy.load`) with one `.npy` per variable, of the element
/// type of the variable; texts become fixed-width Unicode. The data goes to a temporary file that
/// is renamed at the end. \throws RunError if it cannot be written
void write_npz(const std::filesystem::path& path, const std::vector<Variable>& variables);

}  // namespace lensbench
