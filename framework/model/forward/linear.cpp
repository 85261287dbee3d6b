#include "model/forward/linear.hpp"

#include <ATen/ops/addmm.h>
#include <ATen/ops/addmv.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include <algorithm>

namespace lensbench {
namespace {

/// rows [n, in] times weight [in, out], plus bias if it is defined.
at::Tensor product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (rows.size(0) == 1) {  // a generation step: a matrix product would first copy the weight
    const at::Tensor row = rows[0], matrix = weight.t();
    return (bias.defined() ? at::addmv(bias, matrix, row) : at::mv(matrix, row)).unsqueeze(0);
  }
  return bias.defined() ? at::addmm(bias, rows, weight) : at::mm(rows, weight);
}

at::Tensor widened(const at::Tensor& tensor, at::ScalarType dtype) {
  return tensor.defined() ? tensor.to(dtype) : tensor;
}

std::vector<std::int64_t> with_last(const at::Tensor& x, std::int64_t last) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = last;
  return shape;
}

/// Vocabulary rows converted at a time, so that a half-precision unembedding never needs a complete
/// float32 copy.
constexpr std::int64_t kVocabularyTile = 8192;

/// Logits [row, vocab] in float32, whatever the type of the weights.
at::Tensor raw_logits(const at::Tensor& rows, const Unembedding& unembedding) {
  const at::Tensor& weight = unembedding.weight;
  if (weight.scalar_type() == at::kFloat) return product(rows, weight.t(), unembedding.bias);
  // Half precision: each tile is widened, multiplied and dropped.
  std::vector<at::Tensor> tiles;
  for (std::int64_t begin = 0; begin < weight.size(0); begin += kVocabularyTile) {
    const std::int64_t size = std::min(kVocabularyTile, weight.size(0) - begin);
    const at::Tensor bias =
        unembedding.bias.defined() ? unembedding.bias.narrow(0, begin, size) : at::Tensor();
    tiles.push_back(
        product(rows, weight.narrow(0, begin, size).to(at::kFloat).t(), widened(bias, at::kFloat)));
  }
  return tiles.size() == 1 ? tiles.front() : at::cat(tiles, 1);
}

}  // namespace

/// Half precision is multiplied in float32 and rounded once at the end.
at::ScalarType accumulation_type(at::ScalarType dtype) {
  return dtype == at::kBFloat16 || dtype == at::kHalf ? at::kFloat : dtype;
}

/// x [..., in] times weight [in, out], flattened to one matrix product.
at::Tensor linear(const at::Tensor& x, const Linear& layer) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  const at::Tensor result =
      product(rows.to(wide), layer.weight.to(wide), widened(layer.bias, wide));
  return result.to(x.scalar_type()).view(with_last(x, layer.weight.size(1)));
}

/// Part of a fused projection as a view of its columns.
Linear columns(const Linear& whole, std::int64_t begin, std::int64_t count) {
  const auto part = [&](const at::Tensor& x) {
    return x.defined() ? x.narrow(-1, begin, count) : x;
  };
  return {part(whole.weight), part(whole.bias)};
}

/// cap * tanh(x / cap), as in Gemma 2: large logits are bounded smoothly.
at::Tensor softcap(const at::Tensor& x, double cap) {
  return x.div(cap).tanh().mul(cap);
}

at::Tensor unembed_rows(const at::Tensor& x, const Unembedding& unembedding) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)}).to(at::kFloat);
  at::Tensor logits = raw_logits(rows, unembedding);
  if (unembedding.logit_scale != 1.0) logits = logits.mul(unembedding.logit_scale);
  if (unembedding.logit_softcap > 0.0) logits = softcap(logits, unembedding.logit_softcap);
  return logits.view(with_last(x, unembedding.weight.size(0)));
}

}  // namespace lensbench
