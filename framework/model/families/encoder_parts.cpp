#include "model/families/encoder_parts.hpp"

#include <algorithm>

namespace lensbench {
namespace {

/// Refuses a checkpoint whose `architectures` say that it lacks the prediction head.
void require_masked_language_head(const ConfigReader& config) {
  if (!config.has("architectures")) return;
  const std::vector<std::string> names = config.strings("architectures");
  const bool found = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with("ForMaskedLM") || name.ends_with("ForPreTraining");
  });
  if (!found && !names.empty())
    config.fail("architectures",
                "is " + names.front() +
                    ", which lacks a masked-language prediction head; use a checkpoint of "
                    "the architecture ...ForMaskedLM");
}

/// Names of BERT and RoBERTa. Both norms follow the additions: `ln1` that of attention, `ln2` that
/// of the MLP.
BlockWeights take_encoder_block(const TransformerSpec& spec, WeightTaker& taker,
                                std::int64_t layer) {
  const std::string prefix = "encoder.layer." + std::to_string(layer) + ".";
  const std::string self = prefix + "attention.self.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "attention.output.LayerNorm");
  block.ln2 = take_norm(taker, spec, prefix + "output.LayerNorm");
  block.q = take_linear(taker, self + "query", d, d, true);
  block.k = take_linear(taker, self + "key", d, d, true);
  block.v = take_linear(taker, self + "value", d, d, true);
  block.o = take_linear(taker, prefix + "attention.output.dense", d, d, true);
  block.in = take_linear(taker, prefix + "intermediate.dense", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, prefix + "output.dense", spec.mlp.d_mlp, d, true);
  return block;
}

}  // namespace

void set_encoder(const ConfigReader& config, TransformerSpec& spec) {
  refuse_common(config);
  require_masked_language_head(config);
  // Default of BERT's configuration class; DistilBERT uses it without a field in its configuration.
  spec.norm.epsilon = 1e-12;
  spec.norm_placement = NormPlacement::after_add;
  spec.embedding_norm = true;
  spec.attention.causal = false;
  spec.masked_language_model = true;
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
}

TransformerSpec read_bert_spec(const ConfigReader& config, const char* family,
                               std::int64_t vocab_size) {
  config.require_absent_or("is_decoder", false);
  config.require_absent_or("position_embedding_type", "absolute");
  TransformerSpec spec;
  spec.family = family;
  set_encoder(config, spec);
  spec.n_layers = config.integer_or("num_hidden_layers", 12, kLayers);
  spec.d_model = config.integer_or("hidden_size", 768);
  spec.vocab_size = config.integer_or("vocab_size", vocab_size);
  spec.max_positions = config.integer_or("max_position_embeddings", 512);
  spec.token_types = config.integer_or("type_vocab_size", 2);
  spec.norm.epsilon = config.number_or("layer_norm_eps", 1e-12, kPositive);
  set_heads(config, "num_attention_heads", config.integer_or("num_attention_heads", 12), spec);
  spec.mlp.d_mlp = config.integer_or("intermediate_size", 3072);
  spec.mlp.activation = read_activation(config, "hidden_act", "gelu");
  return spec;
}

ModelWeights take_bert_body(const TransformerSpec& spec, WeightTaker& taker) {
  const std::string prefix = "embeddings.";
  const std::int64_t d = spec.d_model;
  ModelWeights weights;
  weights.embedding = taker.take(prefix + "word_embeddings.weight", {spec.vocab_size, d});
  // RoBERTa's table begins with rows that positions of real tokens never reach.
  weights.positions = taker.take(prefix + "position_embeddings.weight",
                                 {spec.max_positions + spec.position_offset, d});
  weights.token_types = taker.take(prefix + "token_type_embeddings.weight", {spec.token_types, d});
  weights.ln_embed = take_norm(taker, spec, prefix + "LayerNorm");
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_encoder_block(spec, taker, layer));
  return weights;
}

Unembedding take_masked_unembedding(const TransformerSpec& spec, WeightTaker& taker,
                                    const std::string& head, at::Tensor& embedding) {
  Unembedding unembedding = taker.take_unembedding(spec, head + ".decoder.weight", embedding);
  // Tied, both names mean one tensor. Untied, only the decoder's is used; new checkpoints have
  // both.
  const std::string shared = head + ".bias", own = head + ".decoder.bias";
  const bool has_shared = taker.has(shared), has_own = taker.has(own);
  const bool use_own = spec.tied_unembedding ? has_own && !has_shared : has_own || !has_shared;
  unembedding.bias = taker.take_head(use_own ? own : shared, {spec.vocab_size});
  // If both are missing, the error about missing tensors lists both names.
  if (use_own && !has_own) taker.take_head(shared, {spec.vocab_size});
  return unembedding;
}

}  // namespace lensbench
