#include "model/forward/linear.hpp"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/addmv.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include "model/forward/products/product.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench {
namespace {

/// OpenBLAS sums products of up to 10^6 multiplications in an order that depends on the number of
/// rows, MKL those of few rows whatever their size. So that a prompt has the same bits alone and in
/// a batch, small weights are multiplied by our own loops, and few rows of a larger weight are
/// filled up beyond that number.
constexpr std::int64_t kSmallWeight = 1 << 16, kFilledWeight = 1 << 20, kFewestFactorRows = 16;

bool few_rows_are_filled(const at::Tensor& weight) {
  return weight.numel() <= kFilledWeight || at::hasMKL();
}

/// rows [n, in] times weight [in, out], plus bias if it is defined.
at::Tensor product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (rows.size(0) == 1) {  // a generation step: a matrix product would first copy the weight
    const at::Tensor row = rows[0], matrix = weight.t();
    return (bias.defined() ? at::addmv(bias, matrix, row) : at::mv(matrix, row)).unsqueeze(0);
  }
  const std::int64_t n = rows.size(0);
  if (n > 0 && n < kFewestFactorRows && few_rows_are_filled(weight)) {
    const at::Tensor filled = at::constant_pad_nd(rows, {0, 0, 0, kFewestFactorRows - n}, 0);
    return product(filled, weight, bias).narrow(0, 0, n);
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

bool needs_graph(const at::Tensor& tensor) {
  return tensor.defined() && tensor.requires_grad();
}

/// rows [n, in] times weight [in, out] by the loops that read the weight where it is, or an
/// undefined tensor where only libtorch has the product: on another device, in float64, and for
/// gradients.
at::Tensor direct_product(const at::Tensor& rows, const at::Tensor& weight,
                          const at::Tensor& bias) {
  if (at::GradMode::is_enabled() && (needs_graph(rows) || needs_graph(weight) || needs_graph(bias)))
    return {};
  const bool is_float = weight.scalar_type() == at::kFloat;
  // In float32 all numbers of rows but one are multiplied alike.
  const bool few = rows.size(0) <= (is_float ? 1 : products::kFewRows);
  const auto matrix = products::matrix_of(weight);
  if (!matrix || !rows.is_cpu()) return {};
  const at::Tensor result =
      few ? products::few_rows(rows, *matrix) : products::many_rows(rows, *matrix);
  return bias.defined() ? result.add_(bias) : result;
}

/// Whether libtorch has the faster product: of several rows with a large float32 weight.
bool is_large(const at::Tensor& rows, const at::Tensor& weight) {
  return weight.scalar_type() == at::kFloat && rows.size(0) != 1 && weight.numel() > kSmallWeight;
}

/// Whether the numbers of a quantized weight are made within the product. Rows in float64, and
/// parts of a matrix that are not made of its rows, need a copy of them.
bool is_made_in_parts(const at::Tensor& rows, const at::Tensor& weight) {
  return is_quantized(weight) && rows.scalar_type() == at::kFloat && rows.is_cpu() &&
         products::matrix_of(weight).has_value();
}

/// rows [n, in] float32 or float64 times weight of any type, in the type of the rows.
/// \param direct  whether the loops that read the weight where it is are preferred
at::Tensor wide_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias,
                        bool direct) {
  const at::ScalarType wide = rows.scalar_type();
  const at::Tensor wide_bias = widened(bias, wide);
  if (is_made_in_parts(rows, weight)) {
    const at::Tensor result = products::quantized_product(rows, weight);
    return wide_bias.defined() ? result.add(wide_bias) : result;
  }
  const at::Tensor numbers = readable(weight);
  if (wide == at::kFloat && direct)
    if (at::Tensor result = direct_product(rows, numbers, wide_bias); result.defined())
      return result;
  return product(rows, numbers.to(wide), wide_bias);
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
      wide_product(rows.to(wide), layer.weight, layer.bias, !is_large(rows, layer.weight));
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

/// The loops give a row the same bits among any number of other rows; only a row alone has a loop
/// of its own. They are as fast as OpenBLAS (AMD Zen, 50,257 x 768, one thread: 16 rows take 16 ms
/// against 21 ms, 128 rows 72 ms against 68 ms).
at::Tensor unembed_rows(const at::Tensor& x, const Unembedding& unembedding) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)}).to(at::kFloat);
  at::Tensor logits = wide_product(rows, unembedding.weight.t(), unembedding.bias, true);
  if (unembedding.logit_scale != 1.0) logits = logits.mul(unembedding.logit_scale);
  if (unembedding.logit_softcap > 0.0) logits = softcap(logits, unembedding.logit_softcap);
  return logits.view(with_last(x, unembedding.weight.size(0)));
}

}  // namespace lensbench
