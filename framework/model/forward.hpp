#pragma once

#include <lensbench/model.hpp>

#include "model/weights.hpp"

namespace lensbench {

/// The one forward of every family; see Model::forward.
ForwardOutput run_forward(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens, const ForwardOptions& options,
                          const Hooks& hooks);

/// \throws InputError naming what a spec asks for and this forward does not do
void require_supported(const TransformerSpec& spec);

}  // namespace lensbench
