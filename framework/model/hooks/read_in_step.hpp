#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <vector>

namespace lensbench {

/// Activations of several sequences, each from a forward of its own, by the names that
/// `read_activations` gives them. All sequences pass a block before the next block begins, so that
/// the weights of a model that is larger than memory are read from disk once for all of them, but
/// for those of a vision tower. Every sequence has the bits of a forward alone.
/// \param names   names of hook points
/// \param logits  positions at which logits are computed
/// \throws UsageError for a name without a match, or one that no forward of a sequence reaches
std::vector<std::map<std::string, at::Tensor>> read_activations_in_step(
    const Model& model, const std::vector<TokenBatch>& sequences,
    const std::vector<std::string>& names, ForwardOptions::Logits logits);

}  // namespace lensbench
