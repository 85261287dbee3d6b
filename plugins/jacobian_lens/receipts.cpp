#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <lensbench/random.hpp>
#include <limits>
#include <string>

namespace lensbench::jacobian {
namespace {

constexpr std::int64_t kDirections = 8;
/// Steps as shares of the root mean square of the stream: small for the curvature, large for the
/// rounding of float32.
constexpr double kSteps[] = {1e-3, 1e-3 / 8, 1e-3 / 64};
constexpr std::uint64_t kDirectionStream = std::uint64_t{1} << 41;

/// Sum of the last stream over the counted positions if the output of a block is `stream`.
at::Tensor last_sum(const Model& model, const TokenBatch& tokens, std::int64_t block,
                    const at::Tensor& stream, const CountedPositions& counted) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = block + 1;
  options.residual = stream;
  return model.forward(tokens, options)
      .residual.select(0, 0)
      .narrow(0, counted.first, counted.count)
      .to(at::Device(at::kCPU), at::kDouble)
      .sum(0);
}

at::Tensor output_of(const Model& model, const TokenBatch& tokens, std::int64_t block) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.stop_at_layer = block + 1;
  return model.forward(tokens, options).residual;
}

}  // namespace

double identity_difference(const Model& model, const Tokens& tokens, std::int64_t skip_first,
                           std::int64_t seed_batch) {
  const at::Tensor last =
      jacobians_of(model, tokens, {model.spec().n_layers - 1}, skip_first, seed_batch).front();
  return (last - at::eye(last.size(0), at::kDouble)).abs().max().item<double>();
}

double direction_difference(const Model& model, const Tokens& tokens,
                            const std::vector<std::int64_t>& blocks,
                            const std::vector<at::Tensor>& matrices, std::int64_t skip_first,
                            std::uint64_t seed) {
  const c10::NoGradGuard no_gradients;
  const CountedPositions counted = counted_positions(tokens.size(), skip_first);
  const TokenBatch batch = make_batch(tokens);
  Philox draw(seed, kDirectionStream);
  double worst = 0;
  for (std::int64_t i = 0; i < kDirections && !blocks.empty(); ++i) {
    const auto which = static_cast<std::size_t>(i) % blocks.size();
    std::vector<double> values(static_cast<std::size_t>(model.spec().d_model));
    for (double& value : values) value = draw.normal();
    const at::Tensor direction = at::tensor(values, at::kDouble);
    const at::Tensor stream = output_of(model, batch, blocks[which]);
    const at::Tensor wanted = at::mv(matrices[which], direction);
    // A limit or a ReLU has kinks, which a smaller step may avoid.
    double difference = std::numeric_limits<double>::infinity();
    for (const double share : kSteps) {
      const double size =
          share * std::max(1e-6, stream.to(at::kDouble).square().mean().sqrt().item<double>());
      at::Tensor step = at::zeros_like(stream);
      step.narrow(1, counted.first, counted.count).add_((size * direction).to(stream.options()));
      const at::Tensor change = last_sum(model, batch, blocks[which], stream + step, counted) -
                                last_sum(model, batch, blocks[which], stream - step, counted);
      const at::Tensor found = change / (2 * size * static_cast<double>(counted.count));
      difference = std::min(difference, ((found - wanted).norm() / wanted.norm()).item<double>());
    }
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

Receipt identity_receipt(double difference) {
  return make_receipt("jacobian_of_the_last_block_is_the_identity", difference, 0.0,
                      "same bits, first prompt");
}

Receipt direction_receipt(double difference, bool half) {
  return make_receipt("jacobian_equals_finite_differences", difference, half ? 0.3 : 1e-2,
                      "relative, along 8 random directions of the first prompt; " +
                          std::string(half ? "half-precision streams round at 2^-8" : "float32"));
}

}  // namespace lensbench::jacobian
