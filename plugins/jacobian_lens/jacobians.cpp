#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <string>

#include "fit.hpp"

// The Jacobians of one prompt, by vector-Jacobian products.

namespace lensbench::jacobian {
namespace {

/// Bytes of gradients that one forward is differentiated to.
constexpr std::int64_t kGradientBytes = std::int64_t{1} << 27;

/// The prompt once for each row of the Jacobian that a backward pass gives.
TokenBatch repeated(const Tokens& tokens, std::int64_t times) {
  return make_batch(std::vector<Tokens>(static_cast<std::size_t>(times), tokens));
}

}  // namespace

Jacobians Jacobians::identity(const TransformerSpec& spec) {
  return {at::eye(spec.d_model).repeat({spec.n_layers, 1, 1}),
          at::zeros({spec.n_layers}, at::kChar)};
}

at::Tensor Jacobians::apply(std::int64_t block, const at::Tensor& stream) const {
  if (fitted[block].item<int>() == 0) return stream;
  const at::Tensor rows = stream.to(at::Device(at::kCPU), at::kFloat);
  return at::mm(rows, matrices[block].t()).to(stream.options());
}

CountedPositions counted_positions(std::int64_t length, std::int64_t skip_first) {
  return {skip_first, std::max<std::int64_t>(0, length - 1 - skip_first)};
}

std::vector<std::int64_t> blocks_of(const TransformerSpec& spec, const JacobianLensFit& fit) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t layer = 1; layer < spec.n_layers; ++layer)
    if (fit.layers.empty() ||
        std::find(fit.layers.begin(), fit.layers.end(), layer) != fit.layers.end())
      blocks.push_back(layer - 1);
  for (const std::int64_t layer : fit.layers)
    if (layer < 1 || layer >= spec.n_layers)
      throw UsageError(
          "jacobian_lens: layer " + std::to_string(layer) +
          " cannot be fitted; give layers from 1 to " + std::to_string(spec.n_layers - 1) +
          " (layer l is the output of block l - 1; " + "the last one is the identity)");
  return blocks;
}

std::vector<at::Tensor> jacobians_of(const Model& model, const Tokens& tokens,
                                     const std::vector<std::int64_t>& blocks,
                                     std::int64_t skip_first, std::int64_t seed_batch) {
  const TransformerSpec& spec = model.spec();
  const CountedPositions counted = counted_positions(tokens.size(), skip_first);
  const std::int64_t width = spec.d_model, batch = std::min(seed_batch, width);
  std::vector<std::string> names;
  std::vector<at::Tensor> matrices;
  for (const std::int64_t block : blocks) {
    names.push_back(residual_hook(spec, block + 1));
    matrices.push_back(at::zeros({width, width}, at::kDouble));
  }
  const auto sum = [&](const at::Tensor& residual, const RecordedActivations&) {
    return residual.narrow(1, counted.first, counted.count).sum(1);
  };
  const std::int64_t one = std::ssize(blocks) * batch * tokens.size() * width * 4;
  const std::int64_t at_once =
      std::clamp<std::int64_t>(kGradientBytes / std::max<std::int64_t>(one, 1), 1, 64);
  const TokenBatch prompts = repeated(tokens, batch);
  for (std::int64_t first = 0; first < width;) {
    std::vector<at::Tensor> seeds;
    for (std::int64_t row = first; row < width && std::ssize(seeds) < at_once; row += batch) {
      const std::int64_t rows = std::min(batch, width - row);
      at::Tensor seed = at::zeros(
          {batch, width}, at::TensorOptions(model.options().dtype).device(model.options().device));
      seed.narrow(0, 0, rows).narrow(1, row, rows).fill_diagonal_(1);
      seeds.push_back(seed);
    }
    const auto gradients = vector_jacobian_products(model, prompts, names, sum, seeds);
    for (const auto& of_seed : gradients) {
      const std::int64_t rows = std::min(batch, width - first);
      for (std::size_t i = 0; i < names.size(); ++i)
        matrices[i]
            .narrow(0, first, rows)
            .copy_(of_seed.at(names[i])
                       .narrow(0, 0, rows)
                       .narrow(1, counted.first, counted.count)
                       .to(at::Device(at::kCPU), at::kDouble)
                       .mean(1));
      first += rows;
    }
  }
  return matrices;
}

}  // namespace lensbench::jacobian
