#include "receipt.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

namespace lensbench::lens {
namespace {

/// Positions of a prompt that are compared, from the first to the last at equal distances; all
/// positions would cost a whole unembedding.
constexpr std::int64_t kPositions = 8;

/// Prompts whose logits are held at a time.
constexpr std::size_t kPrompts = 8;

/// One position of a prompt, with what the lens says of it.
struct Row {
  std::size_t prompt;
  std::int64_t position;
};

/// Largest difference of a prompt, and what it is relative to.
struct Comparison {
  double difference = 0, scale = 1e-30;
  std::int64_t positions = 0;
};

/// Rows of the prompts from number `first` to before number `end`.
std::vector<Row> compared_rows(const std::vector<PromptReadout>& prompts, std::size_t first,
                               std::size_t end) {
  std::vector<Row> rows;
  for (std::size_t prompt = first; prompt < end; ++prompt) {
    const std::int64_t length = prompts[prompt].tokens.size(), n = std::min(length, kPositions);
    for (std::int64_t i = 0; i < n; ++i)
      rows.push_back({prompt, n == 1 ? length - 1 : i * (length - 1) / (n - 1)});
  }
  return rows;
}

TokenBatch batch_of(const std::vector<PromptReadout>& prompts) {
  std::vector<Tokens> sequences;
  sequences.reserve(prompts.size());
  for (const PromptReadout& prompt : prompts) sequences.push_back(prompt.tokens);
  return make_batch(sequences);
}

/// Streams of the prompts as one padded batch, [prompt, pos, d_model], filled up with the first
/// one.
at::Tensor padded_streams(const std::vector<PromptReadout>& prompts, const TokenBatch& tokens) {
  const at::Tensor& first = prompts.front().before_last;
  at::Tensor streams =
      at::zeros({tokens.batch_size(), tokens.length(), first.size(1)}, first.options());
  for (std::int64_t row = 0; row < tokens.batch_size(); ++row) {
    const at::Tensor& stream = prompts[static_cast<std::size_t>(row)].before_last;
    streams[row].narrow(0, tokens.length() - stream.size(0), stream.size(0)).copy_(stream);
  }
  return streams;
}

/// A forward with logits at the last position. It runs the last block only, from the stream as the
/// block before it leaves it, so that interventions in the last block act once.
ForwardOutput forward_again(const Model& model, const std::vector<PromptReadout>& prompts,
                            const TokenBatch& tokens) {
  ForwardOptions whole, part;
  whole.logits = part.logits = ForwardOptions::Logits::last;
  if (!prompts.front().before_last.defined()) return model.forward(tokens, whole);
  part.start_at_layer = model.spec().n_layers - 1;
  part.residual = padded_streams(prompts, tokens);
  try {
    return model.forward(tokens, part);
  } catch (const UsageError&) {
    // A model with a `freeze` intervention only runs from the tokens.
    return model.forward(tokens, whole);
  }
}

/// Largest sum of the absolute products of one logit, [row], over some tokens [row, token]. Where
/// large products cancel, logits are rounded relative to it.
at::Tensor size_of_products(const Unembedding& unembedding, const at::Tensor& normalized,
                            const at::Tensor& ids) {
  const at::Tensor weights =
      unembedding.weight.index_select(0, ids.reshape({-1}).to(unembedding.weight.device()))
          .to(at::Device(at::kCPU), at::kDouble)
          .view({ids.size(0), ids.size(1), -1});
  const at::Tensor rows = normalized.to(at::Device(at::kCPU), at::kDouble).unsqueeze(1);
  return std::get<0>((weights * rows).abs().sum(-1).max(-1)) * std::abs(unembedding.logit_scale);
}

/// Values of the last layer at some positions, [row, ...].
at::Tensor at_rows(const std::vector<PromptReadout>& prompts, const std::vector<Row>& rows,
                   at::Tensor Readout::*member) {
  std::vector<at::Tensor> values;
  values.reserve(rows.size());
  for (const Row& row : rows)
    values.push_back((prompts[row.prompt].readout.*member).select(0, -1).select(0, row.position));
  return at::stack(values);
}

/// Logits of a forward [row, vocab], float64, and the rows after the final norm.
struct RowLogits {
  at::Tensor logits, normalized;
};

at::Tensor in_float64(const at::Tensor& logits) {
  return logits.reshape({-1}).to(at::Device(at::kCPU), at::kDouble);
}

/// Replaces the logits of a row by those of the forward, unless these are the same row multiplied
/// alone, as in the forward of a single prompt: that has another order of summation, and the
/// receipt of a prompt must not depend on the other prompts of its batch.
/// \param normalized  [d_model] the row after the final norm
void take_forward(const Model& model, const at::Tensor& normalized, const at::Tensor& of_forward,
                  at::Tensor logits) {
  const at::Tensor forward = in_float64(of_forward);
  if (forward.equal(logits)) return;
  if (!forward.equal(in_float64(model.unembed(normalized.unsqueeze(0))))) logits.copy_(forward);
}

RowLogits logits_of(const Model& model, const std::vector<PromptReadout>& prompts,
                    const std::vector<Row>& rows, const ForwardOutput& output,
                    std::int64_t length) {
  std::vector<at::Tensor> streams;
  streams.reserve(rows.size());
  for (const Row& row : rows) {
    const std::int64_t padding = length - prompts[row.prompt].tokens.size();
    streams.push_back(
        output.residual[static_cast<std::int64_t>(row.prompt)][padding + row.position]);
  }
  RowLogits result;
  result.normalized = model.final_norm(at::stack(streams));
  result.logits = model.unembed(result.normalized).to(at::Device(at::kCPU), at::kDouble);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].position + 1 == prompts[rows[i].prompt].tokens.size()) {
      const auto row = static_cast<std::int64_t>(i);
      take_forward(model, result.normalized[row],
                   output.logits[static_cast<std::int64_t>(rows[i].prompt)], result.logits[row]);
    }
  return result;
}

/// Adds the comparison of some rows to those of their prompts.
void compare(const Model& model, const std::vector<PromptReadout>& prompts,
             const std::vector<Row>& rows, const ForwardOutput& output, std::int64_t length,
             std::vector<Comparison>& comparisons) {
  const RowLogits own = logits_of(model, prompts, rows, output, length);
  const at::Tensor ids = at_rows(prompts, rows, &Readout::top_ids);
  std::vector<at::Tensor> targets;
  targets.reserve(rows.size());
  for (const Row& row : rows)
    targets.push_back(prompts[row.prompt].readout.target_ids[row.position]);
  const auto differences = [](const at::Tensor& lens, const at::Tensor& forward) {
    return (lens.to(at::kDouble) - forward).abs();
  };
  const auto column = [](const at::Tensor& values) { return values.unsqueeze(1); };
  // All differences of a row side by side; NaN is the largest.
  const at::Tensor differing = at::cat(
      {differences(at_rows(prompts, rows, &Readout::top_logits), own.logits.gather(1, ids)),
       column(differences(at_rows(prompts, rows, &Readout::log_sum_exp), own.logits.logsumexp(1))),
       differences(column(at_rows(prompts, rows, &Readout::target_logits)),
                   own.logits.gather(1, column(at::stack(targets))))},
      1);
  const at::Tensor largest = std::get<0>(differing.max(1)).contiguous();
  const at::Tensor scales = at::maximum(std::get<0>(own.logits.abs().max(1)),
                                        size_of_products(model.unembedding(), own.normalized, ids))
                                .contiguous();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Comparison& of = comparisons[rows[i].prompt];
    const double difference = largest.data_ptr<double>()[i];
    // NaN stays the largest difference, so that the receipt fails.
    if (difference > of.difference || std::isnan(difference)) of.difference = difference;
    of.scale = std::max(of.scale, scales.data_ptr<double>()[i]);
    ++of.positions;
  }
}

bool is_half(at::ScalarType type) {
  return type == at::kHalf || type == at::kBFloat16;
}

}  // namespace

namespace {

/// \param half  whether the weights are in half precision
Receipt receipt_of(const Comparison& of, bool half) {
  return make_receipt(
      "lens_last_layer_equals_logits", of.difference / of.scale, half ? 2e-2 : 2e-5,
      "relative to the largest logit, or sum of absolute products of a listed one, at " +
          std::to_string(of.positions) + " positions; " +
          (half ? "half-precision products round at 2^-8" : "two orders of summation in float32"));
}

}  // namespace

std::vector<Receipt> last_layer_receipts(const Model& model,
                                         const std::vector<PromptReadout>& prompts) {
  const TokenBatch tokens = batch_of(prompts);
  const ForwardOutput output = forward_again(model, prompts, tokens);
  std::vector<Comparison> comparisons(prompts.size());
  // Whole prompts at a time, as one row alone is multiplied in another order than several.
  for (std::size_t first = 0; first < prompts.size(); first += kPrompts) {
    const std::size_t end = std::min(prompts.size(), first + kPrompts);
    compare(model, prompts, compared_rows(prompts, first, end), output, tokens.length(),
            comparisons);
  }
  const bool half = is_half(model.unembedding().weight.scalar_type());
  std::vector<Receipt> receipts;
  receipts.reserve(prompts.size());
  for (const Comparison& of : comparisons) receipts.push_back(receipt_of(of, half));
  return receipts;
}

}  // namespace lensbench::lens
