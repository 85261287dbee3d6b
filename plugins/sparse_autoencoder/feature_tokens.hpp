#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>

#include "dictionary.hpp"

namespace lensbench::dictionaries {

/// Tokens whose logits the decoder rows of some features raise most, at final scale 1.
struct FeatureTokens {
  at::Tensor ids;     ///< [feature, choice] int32
  at::Tensor logits;  ///< [feature, choice] float64
};

/// Whether decoder rows are of the stream, and a norm at the end of the model reads them.
bool writes_to_stream(const Model& model, const Dictionary& dictionary);

/// \param features  numbers of the features
FeatureTokens feature_tokens(const Model& model, const Dictionary& dictionary,
                             const at::Tensor& features, std::int64_t k);

}  // namespace lensbench::dictionaries
