#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

namespace lensbench {

/// Scalar computed from the logits [batch, pos, vocab] by differentiable operations.
using LogitMetric = std::function<at::Tensor(const at::Tensor& logits)>;

/// Gradients of `metric` with respect to activations, from one forward and one backward pass (two
/// of each if inputs of single heads are among the points). Weights are constants: they accumulate
/// no gradient.
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

}  // namespace lensbench
