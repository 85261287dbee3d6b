#pragma once

#include <lensbench/model.hpp>
#include <lensbench/profile.hpp>

#include "model/weights/weights.hpp"

namespace lensbench {

/// The one forward of every family; see Model::forward.
/// \param profile  what its components cost is added here; may be nullptr
ForwardOutput run_forward(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens, const ForwardOptions& options,
                          const Hooks& hooks, Profile* profile);

/// \throws InputError naming what a spec asks for and this forward does not do
void require_supported(const TransformerSpec& spec);

}  // namespace lensbench
