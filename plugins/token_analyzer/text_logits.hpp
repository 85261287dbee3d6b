#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <optional>

#include "token_analyzer/distribution.hpp"

namespace lensbench::token_analysis {

/// Residual stream after the last block for the first `count` tokens. \return [count, d_model]
/// \param prompt  number of tokens that were not generated, from which interventions count; unset:
///   all of them
at::Tensor final_residual(const Model& model, const Tokens& tokens, std::int64_t count,
                          std::optional<std::int64_t> prompt = std::nullopt);

/// Callback with the logits of one position, which are valid only during the call.
using RowVisitor = std::function<void(std::int64_t position, LogitRow logits)>;
using PairVisitor = std::function<void(std::int64_t position, LogitRow own, LogitRow other)>;

/// Decodes each row, in order, with at most 16 MiB of logits (but at least one row) at a time.
/// \param residual  [pos, d_model] after the last block
void for_each_row(const Model& model, const at::Tensor& residual, const RowVisitor& visit);

/// Decodes the rows of two models with one vocabulary, pair by pair; both have equally many rows.
void for_each_pair(const Model& own, const at::Tensor& own_residual, const Model& other,
                   const at::Tensor& other_residual, const PairVisitor& visit);

/// View of a tensor of logits as a row. \param logits  [vocab] float32 on the CPU, contiguous
LogitRow as_row(const at::Tensor& logits);
/// Logits [..., vocab] of any device and type, converted to contiguous float32 on the CPU.
at::Tensor on_cpu(const at::Tensor& logits);

}  // namespace lensbench::token_analysis
