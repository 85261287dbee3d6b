#pragma once

#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {

/// What a bidirectional model with a masked-language head has whatever its family.
void set_encoder(const ConfigReader& config, TransformerSpec& spec);

/// BERT's fields, which RoBERTa shares.
TransformerSpec read_bert_spec(const ConfigReader& config, const char* family,
                               std::int64_t vocab_size);

/// BERT's embeddings and blocks, which RoBERTa shares.
ModelWeights take_bert_body(const TransformerSpec& spec, WeightTaker& taker);

/// The unembedding with its bias, which older checkpoints keep only beside the decoder and newer
/// ones may keep at both places. \param head  `cls.predictions`
Unembedding take_masked_unembedding(const TransformerSpec& spec, WeightTaker& taker,
                                    const std::string& head, const at::Tensor& embedding);

}  // namespace lensbench
