#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>

#include "token_analyzer/distribution.hpp"

namespace lensbench::token_analysis {

/// The residual stream after the last block over the first `count` tokens. \return [count, d_model]
at::Tensor final_residual(const Model& model, const Tokens& tokens, std::int64_t count);

/// Logits of one position; valid during the call only.
using RowVisitor = std::function<void(std::int64_t position, LogitRow logits)>;
using PairVisitor = std::function<void(std::int64_t position, LogitRow own, LogitRow other)>;

/// Decodes each row, in order, holding no more than 16 MiB of logits at a time (but at least one
/// row). \param residual  [pos, d_model] after the last block
void for_each_row(const Model& model, const at::Tensor& residual, const RowVisitor& visit);

/// The same for two models of one vocabulary; the residuals have as many rows.
void for_each_pair(const Model& own, const at::Tensor& own_residual, const Model& other,
                   const at::Tensor& other_residual, const PairVisitor& visit);

/// A tensor of logits as a row. \param logits  [vocab] float32 on the CPU, contiguous
LogitRow as_row(const at::Tensor& logits);
/// Logits [..., vocab] of any device and type as float32 on the CPU, contiguous.
at::Tensor on_cpu(const at::Tensor& logits);

}  // namespace lensbench::token_analysis
