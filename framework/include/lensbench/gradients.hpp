#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Scalar computed from the logits [batch, pos, vocab] by differentiable operations.
using LogitMetric = std::function<at::Tensor(const at::Tensor& logits)>;

/// Gradients of `metric` with respect to activations, from one forward and one backward pass (two
/// of each if inputs of single heads and the norm before them are among the points). Weights are
/// constants: they accumulate no gradient.
///
/// The gradient is taken at the value that the forward continues with, after every replacement by
/// hooks. Points that share one tensor (`blocks.0.hook_resid_post` and `blocks.1.hook_resid_pre`)
/// have the same gradient.
/// \param model   the model to run
/// \param tokens  the batch to run it on
/// \param globs   names or globs of the hook points
/// \param metric  the function to differentiate
/// \param hooks   further readers and replacements of this forward
/// \return name -> gradient, with the shape and dtype of the activation; zeros where the metric
///   does not depend on it
/// \throws UsageError if the metric is not a single number or does not depend on the logits, for
///   hook points that hold integers, and as `Model::forward`
LENSBENCH_API std::map<std::string, at::Tensor> gradients(const Model& model,
                                                          const TokenBatch& tokens,
                                                          const std::vector<std::string>& globs,
                                                          const LogitMetric& metric,
                                                          const Hooks& hooks = {});

/// Activations of a run by hook name, as parts of its graph.
using RecordedActivations = std::map<std::string, at::Tensor>;

/// Numbers computed by differentiable operations from a run: its stream after the last block that
/// ran, [batch, pos, d_model], and the activations of the hook points that are asked for. Logits of
/// chosen positions are `model.unembed(model.final_norm(residual.select(1, position)))`: those of
/// the others are not made.
using RunFunction =
    std::function<at::Tensor(const at::Tensor& residual, const RecordedActivations& activations)>;

/// Part of the model that a gradient runs, and what changes it.
struct GradientOptions {
  std::optional<std::int64_t> stop_at_layer = std::nullopt;  ///< first block that does not run
  Hooks hooks = {};  ///< further readers and replacements of the forward
};

/// Numbers of a run and their gradients.
struct RunGradients {
  at::Tensor values;  ///< what the function returned
  /// name -> gradient of the sum of the values, with the shape of the activation; zeros where they
  /// do not depend on it
  std::map<std::string, at::Tensor> gradients;
};

/// Gradients of any numbers that a run gives, from one forward and one backward pass (two of each
/// if inputs of single heads and the norm before them are among the points). Rows of a batch do not
/// see each other, so a function that returns one number for each row gives each row the gradient
/// of its own number.
/// \param model     the model to run
/// \param tokens    the batch to run it on
/// \param globs     names or globs of the hook points
/// \param function  the numbers to differentiate
/// \param options   part of the model, hooks
/// \throws UsageError if the numbers depend on none of the run's activations, for hook points that
///   hold integers or are not reached, and as `Model::forward`
LENSBENCH_API RunGradients run_gradients(const Model& model, const TokenBatch& tokens,
                                         const std::vector<std::string>& globs,
                                         const RunFunction& function,
                                         const GradientOptions& options = {});

/// Vector-Jacobian products: for each seed the gradient of sum(seed * values), from one forward
/// and one backward pass for each seed.
/// \param model     the model to run
/// \param tokens    the batch to run it on
/// \param globs     names or globs of the hook points
/// \param function  the numbers to differentiate
/// \param seeds     tensors of the shape that the function returns
/// \param options   part of the model, hooks
/// \return one map from name to gradient for each seed
/// \throws UsageError for a seed of another shape, and as `run_gradients`
LENSBENCH_API std::vector<std::map<std::string, at::Tensor>> vector_jacobian_products(
    const Model& model, const TokenBatch& tokens, const std::vector<std::string>& globs,
    const RunFunction& function, const std::vector<at::Tensor>& seeds,
    const GradientOptions& options = {});

}  // namespace lensbench
