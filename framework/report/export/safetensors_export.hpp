#pragma once

#include <filesystem>
#include <lensbench/dataset.hpp>
#include <vector>

namespace lensbench {

/// Writes variables as a safetensors file: each variable of numbers is a tensor of its name. The
/// metadata has `dims`, a JSON object of the dimensions of each variable, and for each variable of
/// texts a JSON array under its name. \throws RunError if writing fails
void write_safetensors(const std::filesystem::path& path, const std::vector<Variable>& variables);

}  // namespace lensbench
