#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>

#include "model/weights/weights.hpp"

namespace lensbench {

/// The dense layer and activation of a masked-language model's prediction head; x itself otherwise.
/// \param x [..., d_model] \return the same shape
at::Tensor head_transform(const TransformerSpec& spec, const ModelWeights& weights,
                          const at::Tensor& x);

/// The stream in the width of the unembedding. \param x [..., d_model]
/// \return [..., embedding_width]
at::Tensor project_out(const ModelWeights& weights, const at::Tensor& x);

/// All that lies between the residual stream and the unembedding.
/// \param residual [..., d_model] \return [..., embedding_width]
at::Tensor unembedding_input(const TransformerSpec& spec, const ModelWeights& weights,
                             const at::Tensor& residual);

}  // namespace lensbench
