#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <vector>

#include "checkpoints.hpp"

// What the checkpoints say about one case.

namespace training_dynamics {

/// Numbers of one checkpoint on one case.
struct Reading {
  at::Tensor target_rank, target_log_probability, kl;  ///< [layer, token]
  at::Tensor settled_layer, target_id;                 ///< [token]
  at::Tensor induction, previous;                      ///< [block, head]
  at::Tensor loss, loss_increase;                      ///< [], [block]
};

/// Adds the axes `checkpoint`, with the step of each, `layer`, `block` and `head`.
void add_axes(lensbench::Dataset& dataset, const std::vector<Checkpoint>& checkpoints,
              const lensbench::TransformerSpec& spec);

/// Adds the numbers of the checkpoints, and when in training each target emerged.
void add_readings(lensbench::Dataset& result, const std::vector<Reading>& readings);

}  // namespace training_dynamics
