#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/tools/activations.hpp>
#include <string>
#include <vector>

namespace lensbench::activations {

/// An activation of one sequence on the axes an archive has.
struct Layout {
  std::vector<std::string> dims;
  at::Tensor values;
};

/// Takes the batch axis away and names positions as tools do.
/// \param activation  of a batch of one, on the axes of `point`
Layout lay_out(const HookPoint& point, const at::Tensor& activation, ActivationPositions positions);

/// Rounded to the type to keep; integers as they are.
/// \throws UsageError naming the point if a finite value would become infinite
at::Tensor stored_as(ActivationStore store, const HookPoint& point, const at::Tensor& values);

/// What a point is, in words.
std::string meaning(const HookPoint& point);

/// Coordinates of every axis of `dataset` that has none: 0, 1, 2, …, or the last position alone.
void add_missing_coordinates(Dataset& dataset, std::int64_t n_tokens,
                             ActivationPositions positions);

}  // namespace lensbench::activations
