#include "model/families/encoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// The prediction head of BERT uses the activation of its MLPs.
TransformerSpec read_bert_spec(const ConfigReader& config) {
  TransformerSpec spec = read_bert_spec(config, "bert", 30522);
  spec.head_activation = spec.mlp.activation;
  return spec;
}

/// The tensors of the prediction head are under `cls.` and never have the prefix `bert.`.
ModelWeights take_bert_weights(const TransformerSpec& spec, WeightTaker& taker) {
  const std::string head = "cls.predictions", transform = head + ".transform.";
  ModelWeights weights = take_bert_body(spec, taker);
  weights.prediction_head =
      take_linear(taker, transform + "dense", spec.d_model, spec.d_model, true, Part::head);
  weights.ln_final = take_norm(taker, spec, transform + "LayerNorm", Part::head);
  weights.unembedding = take_masked_unembedding(spec, taker, head, weights.embedding);
  return weights;
}

}  // namespace

/// The pooler and the next-sentence head are not part of the masked-language model.
const Family kBertFamily{
    "bert",
    "bert.",
    {"embeddings.position_ids", "embeddings.token_type_ids", "pooler.*", "cls.seq_relationship.*",
     "cls.predictions.bias", "cls.predictions.decoder.bias"},
    read_bert_spec,
    take_bert_weights,
    "BertForMaskedLM"};

}  // namespace lensbench
