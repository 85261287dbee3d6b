#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/tools/activations.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::activations {

/// Activation of one sequence, with the axes of an archive.
struct Layout {
  std::vector<std::string> dims;
  at::Tensor values;
};

/// True for a hook point of a vision tower.
bool is_of_tower(const HookPoint& point);

/// Hook point with the tokens that the rows of an expert's point belong to; nullopt for other
/// points.
std::optional<std::string> routing_of(const HookPoint& point);

/// Removes the batch axis and renames position axes like other tools. An expert's point gets one
/// row for each token, NaN for tokens that went to other experts. \param activation  activation of
/// a batch of one, with the axes of `point` \param experts     for an expert's point, the
/// activation at `routing_of`; else undefined
Layout lay_out(const HookPoint& point, const at::Tensor& activation, const at::Tensor& experts,
               ActivationPositions positions);

/// Activation rounded to the element type to keep; integers stay unchanged.
/// \throws UsageError that names the point if a finite value would become infinite
at::Tensor stored_as(ActivationStore store, const HookPoint& point, const at::Tensor& values);

/// Meaning of a hook point, in words.
std::string meaning(const HookPoint& point);

/// Adds coordinates to every axis of `dataset` that lacks them: 0, 1, 2, …, or only the last
/// position.
void add_missing_coordinates(Dataset& dataset, std::int64_t n_tokens,
                             ActivationPositions positions);

}  // namespace lensbench::activations
