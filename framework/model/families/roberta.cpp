#include "model/families/encoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Reads RoBERTa's config. Positions start after the padding token's id, which is that of padding.
TransformerSpec read_roberta_spec(const ConfigReader& config) {
  TransformerSpec spec = read_bert_spec(config, "roberta", 50265);
  // RoBERTa's head uses GELU whatever `hidden_act` says.
  spec.head_activation = Activation::gelu;
  const std::int64_t padding = config.integer_or("pad_token_id", 1, {0, kDimension.max});
  spec.uncounted_id = padding;
  spec.position_offset = padding + 1;
  if (spec.max_positions <= spec.position_offset)
    config.fail("max_position_embeddings", "is " + std::to_string(spec.max_positions) +
                                               "; positions start at pad_token_id + 1 = " +
                                               std::to_string(spec.position_offset));
  spec.max_positions -= spec.position_offset;
  return spec;
}

ModelWeights take_roberta_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights = take_bert_body(spec, taker);
  weights.prediction_head =
      take_linear(taker, "lm_head.dense", spec.d_model, spec.d_model, true, Part::head);
  weights.ln_final = take_norm(taker, spec, "lm_head.layer_norm", Part::head);
  weights.unembedding = take_masked_unembedding(spec, taker, "lm_head", weights.embedding);
  return weights;
}

}  // namespace

const Family kRobertaFamily{"roberta",
                            "roberta.",
                            {"embeddings.position_ids", "embeddings.token_type_ids", "pooler.*",
                             "lm_head.bias", "lm_head.decoder.bias"},
                            read_roberta_spec,
                            take_roberta_weights,
                            "RobertaForMaskedLM"};

}  // namespace lensbench
