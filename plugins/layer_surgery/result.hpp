#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <vector>

#include "measure.hpp"
#include "variant.hpp"

namespace lensbench::surgery {

/// A dataset with the axes `variant`, `block` and `place`.
Dataset with_axes(const Model& model, const std::vector<Variant>& variants);

/// Adds what has a value for each token of the prompt.
void add_token_scores(Dataset& dataset, const Tokens& tokens, const Scores& scores);

/// Adds means over all tokens, and the receipt of the losses.
void add_totals(Dataset& dataset, const Totals& totals, const std::vector<Variant>& variants,
                std::int64_t n_layers);

/// Adds `loss_increase_interval`.
void add_interval(Dataset& dataset, const Totals& totals, std::int64_t samples, std::uint64_t seed);

/// Adds the losses of `prune` by order and share, from `loss`.
void add_pruning(Dataset& dataset, const TransformerSpec& spec, const LayerSurgeryOptions& options);

/// Adds the options by their names.
void add_attributes(Dataset& dataset, SurgeryOperation operation,
                    const LayerSurgeryOptions& options, const Totals& totals, std::uint64_t seed);

/// Name of an operation as a parameter.
const char* to_string(SurgeryOperation operation);

}  // namespace lensbench::surgery
