#pragma once

#include <lensbench/model.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// Part of the model that a forward will run. \throws UsageError for tokens and options that do not
/// fit the model or each other
Reach checked_reach(const TransformerSpec& spec, const ModelWeights& weights,
                    const TokenBatch& tokens, const ForwardOptions& options);

/// State of a forward whose arguments have been checked: padding, positions, rotation angles.
ForwardState start_forward(const TransformerSpec& spec, const ModelWeights& weights,
                           const HookPlan& plan, const TokenBatch& tokens,
                           const ForwardOptions& options, Profile* profile);

/// Gives the hooks of a forward the mapping from positions to indices of activations.
void set_hook_positions(HookPlan& plan, const ForwardState& state, const TokenBatch& tokens,
                        const ForwardOptions& options);

/// Adds the positions of a finished forward to the length of its cache.
void finish_cache(const ForwardState& state, std::int64_t new_positions);

}  // namespace lensbench
