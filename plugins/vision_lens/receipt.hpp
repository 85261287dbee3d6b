#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>

#include "decode.hpp"

namespace lensbench::vision_lens {

/// Compares what the last layer decodes to at the last position with the logits of a forward.
/// \param before_last  [pos, d_model] stream that enters the last block; undefined in a model of
/// one
///   block
/// \param last         the last layer at the last position
Receipt last_layer_receipt(const Model& model, const Tokens& tokens, const at::Tensor& before_last,
                           const Decoded& last);

}  // namespace lensbench::vision_lens
