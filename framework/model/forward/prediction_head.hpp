#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Dense layer and activation of a masked-language model's prediction head; for others x itself.
/// \param x [..., d_model] \return the same shape
at::Tensor prediction_head_transform(const TransformerSpec& spec, const ModelWeights& weights,
                                     const at::Tensor& x);

/// Projection of the stream to the width of the unembedding. \param x [..., d_model]
/// \return [..., embedding_width]
at::Tensor project_out(const ModelWeights& weights, const at::Tensor& x);

/// Everything between the residual stream and the unembedding.
/// \param residual [..., d_model] \return [..., embedding_width]
at::Tensor unembedding_input(const TransformerSpec& spec, const ModelWeights& weights,
                             const at::Tensor& residual);

}  // namespace lensbench
