#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/tools/steering.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::steering {

/// Philox stream of the random directions.
constexpr std::uint64_t kControlStream = 0x73746572;

/// Depths of the parameter `layers`: `middle`, `all`, or numbers and ranges such as 0,2-4.
/// \throws UsageError for anything else, a depth that the model lacks or that is given twice
std::vector<std::int64_t> parse_layers(const std::vector<std::string>& items,
                                       std::int64_t n_layers);
/// Checks depths. \return them; the middle one if there is none
std::vector<std::int64_t> checked_layers(const std::vector<std::int64_t>& layers,
                                         std::int64_t n_layers);

/// Direction of a file, [d_model] or [layer, d_model] float32.
/// \param source  of `TensorFile`
/// \param row     row of a matrix; unset: of a matrix the rows of the depths, which its variable
///   `layer` names
/// \throws InputError for a file that cannot be read, a direction of another width; UsageError for
///   a file of several tensors of which none is named direction, a row that does not exist
at::Tensor direction_of_file(const std::string& source, std::optional<std::int64_t> row,
                             const std::vector<std::int64_t>& layers, std::int64_t d_model);

/// Pairs of a JSONL file: `plus` and `minus`, or `plus_ids` and `minus_ids`, in each line.
/// \throws InputError with file and line
std::vector<SteeringPair> read_pairs(const Model& model, const std::string& path);

/// Number of prompts of the pairs that have one of the tokens.
std::int64_t prompts_with(const std::vector<SteeringPair>& pairs,
                          const std::vector<std::int64_t>& ids);

/// Directions with one row for each of the depths. \throws UsageError for another shape, a row that
/// is zero or not finite
at::Tensor direction_rows(const at::Tensor& directions, const std::vector<std::int64_t>& layers,
                          std::int64_t d_model);

/// Random directions, [draw, d_model] float32: normal numbers, less their part along `direction`,
/// and as long as it. They depend on the seed and the depth alone.
at::Tensor random_directions(const at::Tensor& direction, std::int64_t draws, std::uint64_t seed,
                             std::int64_t layer);

}  // namespace lensbench::steering
