#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

namespace lensbench {

/// Activations of the hook points that match some globs, from one forward, by
/// `activation_name`. Unlike `run_with_cache`
/// it neither copies nor spills them, so a tensor may be a part of a larger one.
std::map<std::string, at::Tensor> read_activations(const Model& model, const TokenBatch& tokens,
                                                   const std::vector<std::string>& globs,
                                                   const ForwardOptions& options = {});

}  // namespace lensbench
