#include "model/families/deepseek_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// DeepSeek-V3: experts by sigmoids, whose choice a number of each expert corrects.
TransformerSpec read_deepseek_v3_spec(const ConfigReader& config) {
  TransformerSpec spec =
      read_deepseek(config, {.decoder = {.family = "deepseek_v3", .max_positions = 4096},
                             .experts_field = "num_local_experts",
                             .experts = 256,
                             .shared_experts = 1,
                             .experts_per_token = 8,
                             .expert_width = 2048,
                             .dense_blocks = 3,
                             .routed_scale = 2.5});
  config.require_absent_or("scoring_func", "sigmoid");
  config.require_absent_or("topk_method", "noaux_tc");
  spec.latent->reordered =
      !config.is_null("rope_interleave") && config.boolean_or("rope_interleave", true);
  spec.routing.sigmoid = spec.routing.correction = spec.mlp.n_experts > 0;
  spec.renormalized_experts =
      !config.is_null("norm_topk_prob") && config.boolean_or("norm_topk_prob", true);
  read_expert_groups(config, 8, 4, 2, spec);
  return spec;
}

/// The published weights end with a layer that predicts a further token, which transformers leaves
/// out by the same name.
const std::vector<std::string_view> kBuffersOfV3 = {"layers.*.self_attn.rotary_emb.inv_freq",
                                                    "rotary_emb.inv_freq", "layers.61.*"};

}  // namespace

const Family kDeepSeekV3Family{"deepseek_v3",         "model.",
                               kBuffersOfV3,          read_deepseek_v3_spec,
                               take_deepseek_weights, "DeepseekV3ForCausalLM"};

}  // namespace lensbench
