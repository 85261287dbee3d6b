#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/readout.hpp>

namespace lensbench::tuned {
namespace {

/// Rows of the checks, which need not cost as much as the result.
constexpr std::int64_t kRows = 8;

/// Streams of the first rows.
std::vector<at::Tensor> first_rows(const std::vector<at::Tensor>& streams) {
  std::vector<at::Tensor> few;
  few.reserve(streams.size());
  for (const at::Tensor& stream : streams)
    few.push_back(stream.narrow(0, 0, std::min(stream.size(0), kRows)));
  return few;
}

/// [layer, row, width] of all layers.
at::Tensor stacked(const Model& model, const std::vector<at::Tensor>& streams) {
  std::vector<at::Tensor> rows;
  rows.reserve(streams.size());
  for (const at::Tensor& stream : streams) rows.push_back(normalised(model, stream));
  return at::stack(rows);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// Moves one layer by `size` along a gradient.
Translators moved(const Translators& from, const Translators& gradient, std::int64_t layer,
                  double size) {
  Translators to{from.weight.clone(), from.bias.clone()};
  to.weight[layer].add_(gradient.weight[layer], size);
  to.bias[layer].add_(gradient.bias[layer], size);
  return to;
}

double length_of(const Translators& of, std::int64_t layer) {
  return std::sqrt(of.weight[layer].to(at::kDouble).square().sum().item<double>() +
                   of.bias[layer].to(at::kDouble).square().sum().item<double>());
}

}  // namespace

double difference_to_logit_lens(const Model& model, const Translators& translators,
                                const std::vector<at::Tensor>& streams) {
  const std::vector<at::Tensor> plain = first_rows(streams);
  std::vector<at::Tensor> translated = plain;
  for (std::size_t layer = 0; layer + 1 < plain.size(); ++layer)
    translated[layer] =
        translators.apply(static_cast<std::int64_t>(layer), plain[layer]).to(plain[layer]);
  ReadoutOptions options;
  options.top_k = std::min<std::int64_t>(10, model.spec().vocab_size);
  const Readout a = read_out(model.unembedding(), stacked(model, plain), options);
  const Readout b = read_out(model.unembedding(), stacked(model, translated), options);
  return std::max({largest_difference(a.top_ids, b.top_ids),
                   largest_difference(a.top_logits, b.top_logits),
                   largest_difference(a.log_sum_exp, b.log_sum_exp),
                   largest_difference(a.kl_to_last, b.kl_to_last)});
}

double first_step_difference(const Model& model, const std::vector<TrainingWindow>& step,
                             const at::Tensor& kl) {
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = false;
  at::Tensor sums = at::zeros({kl.size(0) + 1}, at::kDouble);
  std::int64_t rows = 0;
  for (const TrainingWindow& window : step) {
    const std::vector<at::Tensor> streams = read_streams(model, window.tokens, window.rows);
    sums += read_out(model.unembedding(), stacked(model, streams), options)
                .kl_to_last.to(at::kDouble)
                .sum(1);
    rows += streams.back().size(0);
  }
  const at::Tensor means = sums.narrow(0, 0, kl.size(0)) / static_cast<double>(rows);
  return ((kl - means).abs() / means.clamp_min(1.0)).max().item<double>();
}

double gradient_difference(const Model& model, Divergence& divergence,
                           const Translators& translators, const TrainingWindow& window,
                           double factor) {
  const std::vector<at::Tensor> streams =
      first_rows(read_streams(model, window.tokens, window.rows));
  StepSums sums(model.spec());
  add_rows(model, divergence, translators, streams, false, sums);
  double worst = 0;
  for (std::int64_t layer = 0; layer < sums.divergence.size(0); ++layer) {
    const double length = factor * length_of(sums.gradient, layer);
    if (length < 1e-3) continue;
    // A hundredth of a nat along the gradient, in four points, of which the error falls with the
    // fourth power of the distance.
    const double size = 0.01 / (length * length);
    const auto loss = [&](double times) {
      return divergences(model, divergence, moved(translators, sums.gradient, layer, times * size),
                         streams)[layer]
          .item<double>();
    };
    const double slope = (8 * (loss(1) - loss(-1)) - (loss(2) - loss(-2))) / (12 * size);
    const double expected = length * length_of(sums.gradient, layer);
    const double difference = std::abs(slope - expected) / expected;
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

Receipt zero_translators_receipt(double difference) {
  return make_receipt("zero_translators_give_the_logit_lens", difference, 0.0,
                      "same bits, at up to 8 positions of all layers");
}

Receipt first_step_receipt(double difference, bool half) {
  return make_receipt("first_loss_equals_the_divergence_of_the_logit_lens", difference,
                      half ? 2e-2 : 1e-4,
                      half ? "half-precision norms round at 2^-8"
                           : "relative; float32 sums over the vocabulary against float64");
}

Receipt gradient_receipt(double difference, bool half) {
  return make_receipt("gradient_equals_finite_differences", difference, half ? 5e-2 : 1e-3,
                      "relative, along the gradient of up to 8 rows, layer by layer; float32");
}

Receipt held_out_receipt(const Evaluation& evaluation) {
  return make_receipt("lens_is_not_worse_than_the_logit_lens_on_text_held_out",
                      (evaluation.kl - evaluation.kl_logit_lens).max().item<double>(), 0.01,
                      "nats at the worst layer; " + std::to_string(evaluation.rows) + " positions");
}

}  // namespace lensbench::tuned
