#include "model/random_model.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <string>
#include <utility>

#include "model/linear.hpp"
#include "model/transformer_model.hpp"

namespace lensbench {
namespace {

class Draw {
 public:
  Draw(std::uint64_t seed, at::ScalarType dtype, double scale)
      : generator_(at::detail::createCPUGenerator(seed)), dtype_(dtype), scale_(scale) {}

  at::Tensor normal(at::IntArrayRef shape, double factor = 1.0, double mean = 0.0) {
    return at::empty(shape, at::kFloat).normal_(mean, scale_ * factor, generator_).to(dtype_);
  }
  NormWeights norm(const TransformerSpec& spec) {
    NormWeights weights;
    weights.gain = normal({spec.d_model}, 5.0, 1.0);
    if (spec.norm.has_bias) weights.bias = normal({spec.d_model});
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

BlockWeights random_block(const TransformerSpec& spec, Draw& draw) {
  const AttentionSpec& attention = spec.attention;
  const bool fused = spec.position == PositionKind::learned;
  const std::int64_t d = spec.d_model, q = attention.n_heads * attention.d_head;
  const std::int64_t kv = attention.n_key_value_heads * attention.d_head;
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(spec.n_layers));
  BlockWeights block;
  block.ln1 = draw.norm(spec);
  block.ln2 = draw.norm(spec);
  if (spec.norm_placement == NormPlacement::before_and_after) {
    block.ln1_post = draw.norm(spec);
    block.ln2_post = draw.norm(spec);
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
  if (spec.mlp.gated) block.gate = draw.linear(fused, d, spec.mlp.d_mlp);
  block.in = draw.linear(fused, d, spec.mlp.d_mlp);
  block.out = draw.linear(fused, spec.mlp.d_mlp, d, residual);
  return block;
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

ModelWeights random_weights(const TransformerSpec& spec, std::uint64_t seed, at::ScalarType dtype,
                            double scale) {
  Draw draw(seed, dtype, scale);
  ModelWeights weights;
  weights.embedding = draw.normal({spec.vocab_size, spec.d_model});
  if (spec.position == PositionKind::learned)
    weights.positions = draw.normal({spec.max_positions + spec.position_offset, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(random_block(spec, draw));
  if (spec.final_norm) weights.ln_final = draw.norm(spec);
  weights.unembedding.weight =
      spec.tied_unembedding ? weights.embedding : draw.normal({spec.vocab_size, spec.d_model});
  weights.unembedding.logit_scale = spec.logit_scale;
  weights.unembedding.logit_softcap = spec.logit_softcap;
  return weights;
}

std::shared_ptr<const Model> random_model(const TransformerSpec& spec, std::uint64_t seed,
                                          at::ScalarType dtype, double scale) {
  ModelParts parts;
  parts.options.dtype = dtype;
  return make_model(spec, random_weights(spec, seed, dtype, scale), std::move(parts));
}

}  // namespace lensbench
