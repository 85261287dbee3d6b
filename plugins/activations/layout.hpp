#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/tools/activations.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::activations {

/// An activation of one sequence on the axes an archive has.
struct Layout {
  std::vector<std::string> dims;
  at::Tensor values;
};

/// Name of the point that says which tokens the rows of an expert's point are; none for others.
std::optional<std::string> routing_of(const HookPoint& point);

/// Takes the batch axis away and names positions as tools do. An expert's point gets a row for each
/// token, NaN for those that went to other experts.
/// \param activation  of a batch of one, on the axes of `point`
/// \param experts  for an expert's point, what is at `routing_of`; else undefined
Layout lay_out(const HookPoint& point, const at::Tensor& activation, const at::Tensor& experts,
               ActivationPositions positions);

/// Rounded to the type to keep; integers as they are.
/// \throws UsageError naming the point if a finite value would become infinite
at::Tensor stored_as(ActivationStore store, const HookPoint& point, const at::Tensor& values);

/// What a point is, in words.
std::string meaning(const HookPoint& point);

/// Coordinates of every axis of `dataset` that has none: 0, 1, 2, …, or the last position alone.
void add_missing_coordinates(Dataset& dataset, std::int64_t n_tokens,
                             ActivationPositions positions);

}  // namespace lensbench::activations
