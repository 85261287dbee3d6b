#include "model/forward/row_bits.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>

#include <set>
#include <utility>

#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

constexpr std::int64_t kMostRows = 512;

/// Numbers of all sizes and signs between -1 and 1.
at::Tensor made_numbers(std::int64_t rows, std::int64_t columns, double step) {
  return at::sin(at::arange(rows * columns, at::kFloat) * step).view({rows, columns});
}

}  // namespace

bool rows_keep_their_bits(std::int64_t in, std::int64_t out) {
  const at::Tensor x = made_numbers(kMostRows, in, 0.7);
  // Most checkpoints store a weight in this way, output by output.
  const Linear layer{made_numbers(out, in, 1.3).t(), {}};
  const at::Tensor all = linear(x, layer);
  // Numbers of rows that fill the blocks of BLAS libraries, and that leave rests.
  for (const std::int64_t rows : {2, 16, 33, 100, 256})
    if (!linear(x.narrow(0, 0, rows), layer).equal(all.narrow(0, 0, rows))) return false;
  return true;
}

bool rows_keep_their_bits(const TransformerSpec& spec) {
  const std::int64_t stream = spec.d_model, heads = spec.attention.n_heads * spec.attention.d_head;
  // Projections may be stored as one.
  const std::set<std::pair<std::int64_t, std::int64_t>> shapes = {{stream, heads},
                                                                  {stream, 3 * heads},
                                                                  {heads, stream},
                                                                  {stream, spec.mlp.d_mlp},
                                                                  {spec.mlp.d_mlp, stream}};
  for (const auto& [in, out] : shapes)
    if (!rows_keep_their_bits(in, out)) return false;
  return true;
}

}  // namespace lensbench
