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

/// A number made of the logits [batch, pos, vocab], by operations that can be differentiated.
using LogitMetric = std::function<at::Tensor(const at::Tensor& logits)>;

/// Derivatives of `metric` by activations, from one forward and one backward (two of each where
/// inputs of single heads are among the points). Weights are constants and gather no gradient.
///
/// A derivative is by the activation as the forward goes on with it: everything after it depends on
/// it, nothing before does. Where two points are one tensor (`blocks.0.hook_resid_post` and
/// `blocks.1.hook_resid_pre`) they have one derivative.
/// \param model   the model to run
/// \param tokens  the batch to run it on
/// \param globs   hook points, as everywhere
/// \param metric  what is differentiated
/// \param hooks   what else this forward reads or replaces
/// \return name -> derivative, in the shape and dtype of the activation; zeros where the metric
///   does not depend on it
/// \throws UsageError if the metric gives no single number or none that depends on the logits, for
///   points that hold integers, and as `Model::forward`
LENSBENCH_API std::map<std::string, at::Tensor> gradients(const Model& model,
                                                          const TokenBatch& tokens,
                                                          const std::vector<std::string>& globs,
                                                          const LogitMetric& metric,
                                                          const Hooks& hooks = {});

}  // namespace lensbench
