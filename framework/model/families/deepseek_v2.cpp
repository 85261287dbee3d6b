#include "model/families/deepseek_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// DeepSeek-V2: experts by the softmax over all of them, from all groups or from the best ones.
TransformerSpec read_deepseek_v2_spec(const ConfigReader& config) {
  TransformerSpec spec = read_deepseek(config, {.decoder = {.family = "deepseek_v2"},
                                                .experts_field = "num_experts",
                                                .experts = 64,
                                                .shared_experts = 2,
                                                .experts_per_token = std::nullopt,
                                                .expert_width = 1407,
                                                .dense_blocks = 0,
                                                .routed_scale = 1.0});
  config.require_absent_or("scoring_func", "softmax");
  // The class ignores it.
  config.require_absent_or("norm_topk_prob", false);
  spec.rope->interleaved = true;
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  spec.renormalized_experts = false;
  const std::string method = config.string_or("topk_method", "greedy");
  if (method == "group_limited_greedy")
    read_expert_groups(config, std::nullopt, std::nullopt, 1, spec);
  else if (method != "greedy")
    config.fail("topk_method", "is \"" + method + "\"; supported: greedy, group_limited_greedy");
  return spec;
}

}  // namespace

const Family kDeepSeekV2Family{"deepseek_v2",         "model.",
                               kRotaryBuffers,        read_deepseek_v2_spec,
                               take_deepseek_weights, "DeepseekV2ForCausalLM"};

}  // namespace lensbench
