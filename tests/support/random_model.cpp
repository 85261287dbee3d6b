#include "support/random_model.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <string>
#include <utility>

#include "model/forward/transformer_model.hpp"

namespace lensbench {
namespace {

class Draw {
 public:
  Draw(std::uint64_t seed, at::ScalarType dtype, double scale)
      : generator_(at::detail::createCPUGenerator(seed)), dtype_(dtype), scale_(scale) {}

  at::Tensor normal(at::IntArrayRef shape, double factor = 1.0, double mean = 0.0) {
    return at::empty(shape, at::kFloat).normal_(mean, scale_ * factor, generator_).to(dtype_);
  }
  NormWeights norm(const NormSpec& spec, std::int64_t size) {
    NormWeights weights;
    if (spec.has_gain) weights.gain = normal({size}, 5.0, 1.0);
    if (spec.has_bias) weights.bias = normal({size});
    return weights;
  }
  /// Stored [in, out] with a bias, or [out, in] without one.
  Linear linear(bool input_first, std::int64_t in, std::int64_t out, double factor = 1.0) {
    if (input_first) return {normal({in, out}, factor), normal({out})};
    return {normal({out, in}, factor).t(), {}};
  }

 private:
  at::Generator generator_;
  at::ScalarType dtype_;
  double scale_;
};

/// Outputs begin … begin + count of a layer, a view.
Linear columns(const Linear& whole, std::int64_t begin, std::int64_t count) {
  return {whole.weight.narrow(-1, begin, count), whole.bias.narrow(-1, begin, count)};
}

BlockWeights random_block(const TransformerSpec& spec, Draw& draw) {
  const AttentionSpec& attention = spec.attention;
  const bool fused = spec.position == PositionKind::learned;
  const std::int64_t d = spec.d_model, q = attention.n_heads * attention.d_head;
  const std::int64_t kv = attention.n_key_value_heads * attention.d_head;
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(spec.n_layers));
  BlockWeights block;
  if (spec.norm_placement != NormPlacement::after_sublayer) {
    block.ln1 = draw.norm(spec.norm, d);
    block.ln2 = draw.norm(spec.norm, d);
  }
  if (spec.norm_placement != NormPlacement::before) {
    block.ln1_post = draw.norm(spec.norm, d);
    block.ln2_post = draw.norm(spec.norm, d);
  }
  if (attention.query_key_norm) {
    const bool whole = attention.query_key_norm_whole;
    block.q_norm = draw.norm(*attention.query_key_norm, whole ? q : attention.d_head);
    block.k_norm = draw.norm(*attention.query_key_norm, whole ? kv : attention.d_head);
  }
  if (fused) {
    block.qkv = draw.linear(true, d, q + 2 * kv);
    block.q = columns(block.qkv, 0, q);
    block.k = columns(block.qkv, q, kv);
    block.v = columns(block.qkv, q + kv, kv);
  } else {
    block.q = draw.linear(false, d, q);
    block.k = draw.linear(false, d, kv);
    block.v = draw.linear(false, d, kv);
  }
  block.o = draw.linear(fused, q, d, residual);
  const auto expert = [&] {
    ExpertWeights weights;
    if (spec.mlp.gated) weights.gate = draw.linear(fused, d, spec.mlp.d_mlp);
    weights.in = draw.linear(fused, d, spec.mlp.d_mlp);
    weights.out = draw.linear(fused, spec.mlp.d_mlp, d, residual);
    return weights;
  };
  for (std::int64_t e = 0; e < spec.mlp.n_experts; ++e) block.experts.push_back(expert());
  if (spec.mlp.n_experts > 0) {
    block.router = draw.linear(false, d, spec.mlp.n_experts);
    return block;
  }
  const ExpertWeights whole = expert();
  block.gate = whole.gate;
  block.in = whole.in;
  block.out = whole.out;
  return block;
}

ModelWeights random_weights(const TransformerSpec& spec, std::uint64_t seed, at::ScalarType dtype,
                            double scale) {
  Draw draw(seed, dtype, scale);
  ModelWeights weights;
  weights.embedding = draw.normal({spec.vocab_size, spec.d_model});
  if (spec.position == PositionKind::learned)
    weights.positions = draw.normal({spec.max_positions + spec.position_offset, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(random_block(spec, draw));
  if (spec.final_norm) weights.ln_final = draw.norm(spec.norm, spec.d_model);
  weights.unembedding.weight =
      spec.tied_unembedding ? weights.embedding : draw.normal({spec.vocab_size, spec.d_model});
  weights.unembedding.logit_scale = spec.logit_scale;
  weights.unembedding.logit_softcap = spec.logit_softcap;
  return weights;
}

}  // namespace

TransformerSpec gpt2_small_spec() {
  TransformerSpec spec;
  spec.family = "gpt2";
  spec.n_layers = 12;
  spec.d_model = 768;
  spec.vocab_size = 50257;
  spec.max_positions = 1024;
  spec.attention.n_heads = spec.attention.n_key_value_heads = 12;
  spec.attention.d_head = 64;
  spec.attention.scale = 0.125;
  spec.mlp.d_mlp = 3072;
  return spec;
}

TransformerSpec small_gpt2_spec() {
  TransformerSpec spec = gpt2_small_spec();
  spec.n_layers = 3;
  spec.d_model = 24;
  spec.vocab_size = 61;
  spec.max_positions = 64;
  spec.attention.n_heads = spec.attention.n_key_value_heads = 3;
  spec.attention.d_head = 8;
  spec.attention.scale = 1.0 / std::sqrt(8.0);
  spec.mlp.d_mlp = 40;
  return spec;
}

TransformerSpec small_llama_spec() {
  TransformerSpec spec = small_gpt2_spec();
  spec.family = "llama";
  spec.position = PositionKind::rotary;
  spec.rope.emplace();
  spec.rope->rotary_dim = 8;
  spec.norm = {NormKind::rms_norm, 1e-6, false, false};
  spec.attention.n_heads = 4;
  spec.attention.n_key_value_heads = 2;
  spec.mlp.activation = Activation::silu;
  spec.mlp.gated = true;
  spec.tied_unembedding = false;
  return spec;
}

std::shared_ptr<const Model> random_model(const TransformerSpec& spec, std::uint64_t seed,
                                          at::ScalarType dtype, double scale) {
  ModelParts parts;
  parts.options.dtype = dtype;
  return make_model(spec, random_weights(spec, seed, dtype, scale), std::move(parts));
}

}  // namespace lensbench
