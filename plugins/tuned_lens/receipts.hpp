#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <vector>

#include "evaluation.hpp"
#include "training.hpp"

namespace lensbench::tuned {

/// Largest difference between a reading through translators and one without them, at up to eight
/// rows of all layers; 0 for translators of zeros. \param streams  as `read_streams` gives them
double difference_to_logit_lens(const Model& model, const Translators& translators,
                                const std::vector<at::Tensor>& streams);

/// Difference between the divergences of a step without translators and the means that `read_out`
/// gives, relative to the larger of the means and 1 nat.
/// \param kl  [layer] of the step
double first_step_difference(const Model& model, const std::vector<TrainingWindow>& step,
                             const at::Tensor& kl);

/// Largest relative difference over layers between the length of the gradient of the loss over a
/// few rows and its finite difference along that gradient. Layers whose gradient is shorter than
/// 1e-3 nats are left out.
/// \param factor  on the gradient; 1 but in tests
double gradient_difference(const Model& model, Divergence& divergence,
                           const Translators& translators, const TrainingWindow& window,
                           double factor = 1.0);

Receipt zero_translators_receipt(double difference);
/// \param half  whether the weights are in half precision
Receipt first_step_receipt(double difference, bool half);
Receipt gradient_receipt(double difference, bool half);
Receipt held_out_receipt(const Evaluation& evaluation);

}  // namespace lensbench::tuned
