#pragma once

#include <lensbench/model.hpp>
#include <lensbench/profile.hpp>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Forward of every model family; see Model::forward.
/// \param profile  receives the costs of the components; may be nullptr
ForwardOutput run_forward(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens, const ForwardOptions& options,
                          const Hooks& hooks, Profile* profile);

/// Checks that the forward supports a spec. \throws InputError that names an unsupported feature
void require_supported(const TransformerSpec& spec);

}  // namespace lensbench
