#include "stream.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/full.h>

#include <limits>

namespace lensbench::geometry {
namespace {

/// 0 / 0 is NaN, as wanted for a zero vector.
at::Tensor cosine(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum(-1) / (a.norm(2, -1) * b.norm(2, -1));
}

/// A quotient, NaN (not infinity) where the divisor is 0.
at::Tensor quotient(const at::Tensor& a, const at::Tensor& b) {
  return (a / b).masked_fill(b == 0, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

/// Geometry between neighbouring layers, as differences of stacked streams.
Path path_of(const at::Tensor& streams) {
  const std::int64_t blocks = streams.size(0) - 1, tokens = streams.size(1);
  const at::Tensor before = streams.narrow(0, 0, blocks), after = streams.narrow(0, 1, blocks);
  const at::Tensor none =
      at::full({1, tokens}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  Path path;
  path.norm = streams.norm(2, -1);
  path.cosine_to_final = cosine(streams, streams[blocks]);
  path.cosine_to_previous = at::cat({none, cosine(after, before)});
  path.movement = quotient((after - before).norm(2, -1), before.norm(2, -1));
  return path;
}

at::Tensor write_ratio(const at::Tensor& attention, const at::Tensor& mlp,
                       const at::Tensor& added) {
  return quotient(attention.norm(2, -1) + mlp.norm(2, -1), added.norm(2, -1));
}

/// The share is the projection on the stream over its squared length, so that shares sum to 1.
Parts parts_of(const at::Tensor& components, const at::Tensor& stream) {
  return {components.norm(2, -1),
          quotient((components * stream).sum(-1), (stream * stream).sum(-1)),
          cosine(components, stream)};
}

at::Tensor head_lengths(const at::Tensor& z, const at::Tensor& w_o) {
  const at::Tensor gram = w_o.matmul(w_o.transpose(1, 2));
  return at::einsum("thd,hde,the->ht", {z, gram, z}).clamp_min(0).sqrt();
}

}  // namespace lensbench::geometry
