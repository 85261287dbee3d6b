#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lensbench::interchange {

/// Directions of a file at each hook point, [row, width] float64.
/// \param source  a result of `probe` in an archive, of which each point gets its own row (with
///   more than two labels the weights of all labels, less their mean), or a safetensors
///   file with a tensor `direction` [width] or [row, width] for all points
/// \param points  names of hook points
/// \throws InputError for a file that cannot be read or has another width; UsageError for a point
///   that the file lacks, for fewer rows than `rank`, and for rows that depend on one
///   another
std::vector<at::Tensor> directions_of_file(const std::string& source,
                                           const std::vector<std::string>& points,
                                           std::int64_t width, std::int64_t rank);

}  // namespace lensbench::interchange
