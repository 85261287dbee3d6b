#pragma once

#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {

/// Spec fields that all bidirectional models with a masked-language prediction head share.
void set_encoder(const ConfigReader& config, TransformerSpec& spec);

/// Reads BERT's fields, which RoBERTa shares.
TransformerSpec read_bert_spec(const ConfigReader& config, const char* family,
                               std::int64_t vocab_size);

/// Takes BERT's embeddings and blocks, which RoBERTa shares.
ModelWeights take_bert_body(const TransformerSpec& spec, WeightTaker& taker);

/// Takes the unembedding with its bias. Older checkpoints name the bias `{head}.bias`, newer ones
/// may also have `{head}.decoder.bias`. \param head  prefix of the names, for instance
/// `cls.predictions`
Unembedding take_masked_unembedding(const TransformerSpec& spec, WeightTaker& taker,
                                    const std::string& head, at::Tensor& embedding);

}  // namespace lensbench
