#pragma once

#include "model/families/mixture_parts.hpp"

namespace lensbench {

/// Defaults of a configuration class of DeepSeek.
struct DeepSeekDefaults {
  DecoderDefaults decoder;
  std::string_view experts_field;  ///< another name of `n_routed_experts`
  std::int64_t experts, shared_experts;
  std::optional<std::int64_t> experts_per_token;  ///< nullopt: the config must name it
  std::int64_t expert_width, dense_blocks;
  double routed_scale;
};

/// Reads what DeepSeek-V2 and DeepSeek-V3 have in common: latent attention, YaRN with a scale of
/// the scores, routed and shared experts, dense first blocks. The choice of experts is left to the
/// family.
TransformerSpec read_deepseek(const ConfigReader& config, const DeepSeekDefaults& defaults);

/// Reads the groups of experts from which those of a token come.
/// \param groups, per_token  defaults; nullopt: the config must name the number
/// \param group_scores       see RoutingSpec
void read_expert_groups(const ConfigReader& config, std::optional<std::int64_t> groups,
                        std::optional<std::int64_t> per_token, std::int64_t group_scores,
                        TransformerSpec& spec);

/// Takes every weight of a DeepSeek model.
ModelWeights take_deepseek_weights(const TransformerSpec& spec, WeightTaker& taker);

}  // namespace lensbench
