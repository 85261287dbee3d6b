#pragma once

#include <lensbench/model.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// What a forward will run. \throws UsageError for tokens and options that do not fit the model
/// or each other
Reach checked_reach(const TransformerSpec& spec, const ModelWeights& weights,
                    const TokenBatch& tokens, const ForwardOptions& options);

/// Padding, positions and rotation angles of a forward whose arguments have been checked.
Run start_run(const TransformerSpec& spec, const ModelWeights& weights, const HookPlan& plan,
              const TokenBatch& tokens, const ForwardOptions& options);

/// Tells the hooks of a forward where its positions stand.
void place_hooks(HookPlan& plan, const Run& run, const TokenBatch& tokens,
                 const ForwardOptions& options);

/// The cache now holds the positions of this forward.
void finish_cache(const Run& run, std::int64_t new_positions);

}  // namespace lensbench
