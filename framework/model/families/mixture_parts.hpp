#pragma once

#include <cstdint>
#include <string>

#include "model/families/decoder_parts.hpp"

namespace lensbench {

/// Reads the number of experts, under either of its two names, and how many process one token.
void read_experts(const ConfigReader& config, std::int64_t experts, std::int64_t per_token,
                  TransformerSpec& spec);

/// Takes the experts of a layer as transformers 5 holds them: one tensor [expert, 2 d_mlp, d_model]
/// with the gate before the input, one [expert, d_model, d_mlp] for the output.
void take_fused_experts(const TransformerSpec& spec, WeightTaker& taker,
                        const std::string& gate_and_in, const std::string& out,
                        BlockWeights& block);

/// Takes one MLP with gate of an expert. \param prefix  for instance `layers.3.mlp.experts.7.`
ExpertWeights take_expert(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, std::int64_t width);

/// Takes `experts` of a mixture of the Qwen kind, in either form.
void take_experts(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                  BlockWeights& block);

/// Takes `gate` and `experts` of a mixture of the Qwen kind, in either form of the experts.
/// \param prefix  for instance `layers.3.mlp.`
void take_mixture(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                  BlockWeights& block);

/// Takes a mixture of the Mixtral kind: as published, where w1 is the gate, w3 the input and w2 the
/// output of an expert, or as the modules of transformers 5 hold it.
/// \param prefix  for instance `layers.3.` \param router  name of the router's module
void take_mixtral_mixture(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, const char* router, BlockWeights& block);

}  // namespace lensbench
