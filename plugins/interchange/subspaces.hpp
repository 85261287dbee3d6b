#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "plan.hpp"
#include "runs.hpp"
#include "training.hpp"

namespace lensbench::interchange {

/// Random numbers of a place: of the basis `random`, the control `random_basis`, and trainings.
inline constexpr std::uint64_t kBasisKind = 0, kControlKind = 1, kTrainingKind = 2;

/// What a subspace is fitted to.
struct FitInputs {
  const Model& model;
  const InterchangePlan& plan;
  const Place& place;
  const PlaceRows& rows;                      ///< rows of this model
  const std::vector<std::int64_t>& expected;  ///< [pair] token, for a training
  const std::function<void()>& stop;
};

/// A subspace by the name of its basis, from the training pairs alone. `loss` is undefined but for
/// `das`. \throws RunError as `train_basis`
Trained fit_subspace(const std::string& basis, const FitInputs& inputs);

}  // namespace lensbench::interchange
