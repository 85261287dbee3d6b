#include "model/families/mixture_parts.hpp"

namespace lensbench {

void read_experts(const ConfigReader& config, std::int64_t experts, std::int64_t per_token,
                  TransformerSpec& spec) {
  spec.mlp.n_experts =
      config.integer_or(spelling(config, "num_experts", "num_local_experts"), experts, {1, 65536});
  spec.mlp.experts_per_token =
      config.integer_or("num_experts_per_tok", per_token, {1, spec.mlp.n_experts});
}

void take_fused_experts(const TransformerSpec& spec, WeightTaker& taker,
                        const std::string& gate_and_in, const std::string& out,
                        BlockWeights& block) {
  const std::int64_t n = spec.mlp.n_experts, d = spec.d_model, inner = spec.mlp.d_mlp;
  const at::Tensor both = taker.take(gate_and_in, {n, 2 * inner, d});
  const at::Tensor down = taker.take(out, {n, d, inner});
  if (!both.defined() || !down.defined()) return;
  const auto linear = [](const at::Tensor& weight) { return Linear{weight.t(), {}}; };
  for (std::int64_t expert = 0; expert < n; ++expert)
    block.experts.push_back({linear(both[expert].narrow(0, 0, inner)),
                             linear(both[expert].narrow(0, inner, inner)), linear(down[expert])});
}

ExpertWeights take_expert(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, std::int64_t width) {
  const std::int64_t d = spec.d_model;
  return {take_linear(taker, prefix + "gate_proj", d, width),
          take_linear(taker, prefix + "up_proj", d, width),
          take_linear(taker, prefix + "down_proj", width, d)};
}

void take_experts(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                  BlockWeights& block) {
  const std::string experts = prefix + "experts.";
  if (taker.has(experts + "gate_up_proj")) {
    take_fused_experts(spec, taker, experts + "gate_up_proj", experts + "down_proj", block);
    return;
  }
  for (std::int64_t expert = 0; expert < spec.mlp.n_experts; ++expert)
    block.experts.push_back(
        take_expert(spec, taker, experts + std::to_string(expert) + ".", spec.mlp.d_mlp));
}

void take_mixture(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                  BlockWeights& block) {
  block.router = take_linear(taker, prefix + "gate", spec.d_model, spec.mlp.n_experts);
  take_experts(spec, taker, prefix, block);
}

void take_mixtral_mixture(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, const char* router, BlockWeights& block) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp, n = spec.mlp.n_experts;
  const std::string module = prefix + "mlp.", published = prefix + "block_sparse_moe.";
  if (taker.has(module + "experts.gate_up_proj")) {
    block.router = take_linear(taker, module + router, d, n);
    take_fused_experts(spec, taker, module + "experts.gate_up_proj", module + "experts.down_proj",
                       block);
    return;
  }
  block.router = take_linear(taker, published + "gate", d, n);
  for (std::int64_t expert = 0; expert < n; ++expert) {
    const std::string name = published + "experts." + std::to_string(expert) + ".";
    block.experts.push_back({take_linear(taker, name + "w1", d, inner),
                             take_linear(taker, name + "w3", d, inner),
                             take_linear(taker, name + "w2", inner, d)});
  }
}

}  // namespace lensbench
