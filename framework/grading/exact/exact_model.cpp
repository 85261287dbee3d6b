#include "grading/exact/exact_model.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/isfinite.h>

#include <lensbench/error.hpp>
#include <string>

#include "checkpoint/config.hpp"
#include "model/families/family.hpp"

namespace lensbench::grading {
namespace {

/// Takes tensors of a checkpoint by name, with or without the prefix of the family.
class ExactTaker {
 public:
  ExactTaker(const Checkpoint& checkpoint, std::string prefix)
      : checkpoint_(checkpoint), prefix_(std::move(prefix)) {}

  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const std::string full = checkpoint_.has(prefix_ + name) ? prefix_ + name : name;
    const at::Tensor stored = checkpoint_.tensor(full);
    if (stored.sizes() != at::IntArrayRef(shape))
      throw InputError(checkpoint_.directory().string() + ": tensor " + full +
                       ": its shape is not that of the configuration");
    const at::Tensor exact = stored.to(at::kDouble);
    if (!at::isfinite(exact).all().item<bool>())
      throw InputError(checkpoint_.directory().string() + ": tensor " + full +
                       ": a value is not finite");
    return exact;
  }

  bool has(const std::string& name) const {
    return checkpoint_.has(name) || checkpoint_.has(prefix_ + name);
  }

  /// A matrix stored [out, in], as [in, out].
  at::Tensor take_linear(const std::string& name, std::int64_t in, std::int64_t out) const {
    return take(name, {out, in}).t().contiguous();
  }

 private:
  const Checkpoint& checkpoint_;
  std::string prefix_;
};

at::Tensor unembedding_of(const TransformerSpec& spec, const ExactTaker& taker,
                          const at::Tensor& embedding) {
  return spec.tied_unembedding ? embedding.t().contiguous()
                               : taker.take_linear("lm_head.weight", spec.d_model, spec.vocab_size);
}

ExactBlock gpt2_block(const TransformerSpec& spec, const ExactTaker& taker, std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model, d_mlp = spec.mlp.d_mlp;
  const at::Tensor weight = taker.take(h + "attn.c_attn.weight", {d, 3 * d});
  const at::Tensor bias = taker.take(h + "attn.c_attn.bias", {3 * d});
  ExactBlock block;
  block.gain1 = taker.take(h + "ln_1.weight", {d});
  block.bias1 = taker.take(h + "ln_1.bias", {d});
  block.query = weight.narrow(1, 0, d);
  block.key = weight.narrow(1, d, d);
  block.value = weight.narrow(1, 2 * d, d);
  block.query_bias = bias.narrow(0, 0, d);
  block.key_bias = bias.narrow(0, d, d);
  block.value_bias = bias.narrow(0, 2 * d, d);
  block.output = taker.take(h + "attn.c_proj.weight", {d, d})
                     .view({spec.attention.n_heads, spec.attention.d_head, d});
  block.output_bias = taker.take(h + "attn.c_proj.bias", {d});
  block.gain2 = taker.take(h + "ln_2.weight", {d});
  block.bias2 = taker.take(h + "ln_2.bias", {d});
  block.in = taker.take(h + "mlp.c_fc.weight", {d, d_mlp});
  block.in_bias = taker.take(h + "mlp.c_fc.bias", {d_mlp});
  block.out = taker.take(h + "mlp.c_proj.weight", {d_mlp, d});
  block.out_bias = taker.take(h + "mlp.c_proj.bias", {d});
  return block;
}

ExactModel gpt2(const Checkpoint& checkpoint, const TransformerSpec& spec) {
  const ExactTaker taker(checkpoint, "transformer.");
  ExactModel model;
  model.spec = spec;
  model.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  model.positions = taker.take("wpe.weight", {spec.max_positions, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    model.blocks.push_back(gpt2_block(spec, taker, layer));
  model.gain = taker.take("ln_f.weight", {spec.d_model});
  model.bias = taker.take("ln_f.bias", {spec.d_model});
  model.unembedding = unembedding_of(spec, taker, model.embedding);
  return model;
}

/// Repeats each key-value head for the query heads that read it: [d_model, head * d_head].
at::Tensor repeat_heads(const at::Tensor& weight, const AttentionSpec& spec) {
  const std::int64_t times = spec.n_heads / spec.n_key_value_heads;
  return weight.view({-1, spec.n_key_value_heads, 1, spec.d_head})
      .expand({-1, -1, times, -1})
      .reshape({weight.size(0), spec.n_heads * spec.d_head});
}

ExactBlock llama_block(const TransformerSpec& spec, const ExactTaker& taker, std::int64_t layer) {
  const std::string h = "layers." + std::to_string(layer) + ".";
  const AttentionSpec& heads = spec.attention;
  const std::int64_t d = spec.d_model, d_mlp = spec.mlp.d_mlp;
  const std::int64_t width = heads.n_heads * heads.d_head;
  const std::int64_t grouped = heads.n_key_value_heads * heads.d_head;
  ExactBlock block;
  block.gain1 = taker.take(h + "input_layernorm.weight", {d});
  block.query = taker.take_linear(h + "self_attn.q_proj.weight", d, width);
  block.key = repeat_heads(taker.take_linear(h + "self_attn.k_proj.weight", d, grouped), heads);
  block.value = repeat_heads(taker.take_linear(h + "self_attn.v_proj.weight", d, grouped), heads);
  block.output = taker.take_linear(h + "self_attn.o_proj.weight", width, d)
                     .view({heads.n_heads, heads.d_head, d});
  block.gain2 = taker.take(h + "post_attention_layernorm.weight", {d});
  block.gate = taker.take_linear(h + "mlp.gate_proj.weight", d, d_mlp);
  block.in = taker.take_linear(h + "mlp.up_proj.weight", d, d_mlp);
  block.out = taker.take_linear(h + "mlp.down_proj.weight", d_mlp, d);
  return block;
}

ExactModel llama(const Checkpoint& checkpoint, const TransformerSpec& spec) {
  if (spec.attention_bias || spec.attention_output_bias || spec.mlp_bias ||
      spec.rope->scaling != RopeSpec::Scaling::none)
    throw InputError(checkpoint.config_path().string() +
                     ": the truth is computed for a Llama without biases and without scaled rotary "
                     "angles");
  const ExactTaker taker(checkpoint, "model.");
  ExactModel model;
  model.spec = spec;
  model.embedding = taker.take("embed_tokens.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    model.blocks.push_back(llama_block(spec, taker, layer));
  model.gain = taker.take("norm.weight", {spec.d_model});
  model.unembedding = unembedding_of(spec, taker, model.embedding);
  return model;
}

ExactBlock bert_block(const TransformerSpec& spec, const ExactTaker& taker, std::int64_t layer) {
  const std::string h = "encoder.layer." + std::to_string(layer) + ".";
  const std::string self = h + "attention.self.", after = h + "attention.output.";
  const std::int64_t d = spec.d_model, d_mlp = spec.mlp.d_mlp;
  const std::string norm = layer == 0 ? std::string("embeddings.")
                                      : "encoder.layer." + std::to_string(layer - 1) + ".output.";
  ExactBlock block;
  block.gain1 = taker.take(norm + "LayerNorm.weight", {d});
  block.bias1 = taker.take(norm + "LayerNorm.bias", {d});
  block.query = taker.take_linear(self + "query.weight", d, d);
  block.key = taker.take_linear(self + "key.weight", d, d);
  block.value = taker.take_linear(self + "value.weight", d, d);
  block.query_bias = taker.take(self + "query.bias", {d});
  block.key_bias = taker.take(self + "key.bias", {d});
  block.value_bias = taker.take(self + "value.bias", {d});
  block.output = taker.take_linear(after + "dense.weight", d, d)
                     .view({spec.attention.n_heads, spec.attention.d_head, d});
  block.output_bias = taker.take(after + "dense.bias", {d});
  block.gain2 = taker.take(after + "LayerNorm.weight", {d});
  block.bias2 = taker.take(after + "LayerNorm.bias", {d});
  block.in = taker.take_linear(h + "intermediate.dense.weight", d, d_mlp);
  block.in_bias = taker.take(h + "intermediate.dense.bias", {d_mlp});
  block.out = taker.take_linear(h + "output.dense.weight", d_mlp, d);
  block.out_bias = taker.take(h + "output.dense.bias", {d});
  return block;
}

/// All tokens are of the first type, which is a part of their positions here.
ExactModel bert(const Checkpoint& checkpoint, const TransformerSpec& spec) {
  if (spec.n_layers < 1)
    throw InputError(checkpoint.config_path().string() +
                     ": the truth of an encoder is computed from one block on");
  const ExactTaker taker(checkpoint, "bert.");
  const std::int64_t d = spec.d_model;
  const std::string h = "cls.predictions.";
  ExactModel model;
  model.spec = spec;
  model.embedding = taker.take("embeddings.word_embeddings.weight", {spec.vocab_size, d});
  model.positions = taker.take("embeddings.position_embeddings.weight", {spec.max_positions, d}) +
                    taker.take("embeddings.token_type_embeddings.weight", {spec.token_types, d})[0];
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    model.blocks.push_back(bert_block(spec, taker, layer));
  const std::string last = "encoder.layer." + std::to_string(spec.n_layers - 1) + ".output.";
  model.gain = taker.take(last + "LayerNorm.weight", {d});
  model.bias = taker.take(last + "LayerNorm.bias", {d});
  model.head.dense = taker.take_linear(h + "transform.dense.weight", d, d);
  model.head.dense_bias = taker.take(h + "transform.dense.bias", {d});
  model.head.gain = taker.take(h + "transform.LayerNorm.weight", {d});
  model.head.bias = taker.take(h + "transform.LayerNorm.bias", {d});
  model.unembedding = spec.tied_unembedding
                          ? model.embedding.t().contiguous()
                          : taker.take_linear(h + "decoder.weight", d, spec.vocab_size);
  const bool own_bias = !spec.tied_unembedding && taker.has(h + "decoder.bias");
  model.unembedding_bias = taker.take(h + (own_bias ? "decoder.bias" : "bias"), {spec.vocab_size});
  return model;
}

}  // namespace

ExactModel read_exact_model(const Checkpoint& checkpoint) {
  const ConfigReader config(checkpoint.config(), checkpoint.config_path());
  const Family& family = find_family(config);
  const TransformerSpec spec = family.read_spec(config);
  if (family.model_type == "gpt2") return gpt2(checkpoint, spec);
  if (family.model_type == "llama") return llama(checkpoint, spec);
  if (family.model_type == "bert") return bert(checkpoint, spec);
  throw InputError(checkpoint.config_path().string() + ": model_type \"" + spec.family +
                   "\": the truth of a planted model is computed for gpt2, llama and bert only");
}

}  // namespace lensbench::grading
