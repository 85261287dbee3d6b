#include "capacity.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/linear_algebra.hpp>
#include <limits>
#include <vector>

namespace lensbench::geometry {
namespace {

/// Rows that are widened to float64 at a time.
constexpr std::int64_t kRows = 4096;

/// Calls `visit` with parts of the rows in float64 on the CPU.
template <class Visit>
void for_each_part(const at::Tensor& rows, Visit visit) {
  for (std::int64_t first = 0; first < rows.size(0); first += kRows)
    visit(
        rows.narrow(0, first, std::min(kRows, rows.size(0) - first)).to(at::kCPU).to(at::kDouble));
}

}  // namespace

at::Tensor gram_of(const at::Tensor& rows) {
  const std::int64_t width = rows.size(1);
  at::Tensor gram = at::zeros({width, width}, at::kDouble);
  for_each_part(rows, [&](const at::Tensor& part) { gram.addmm_(part.t(), part); });
  return gram;
}

Capacity capacity_of(const at::Tensor& rows) {
  return capacity_of(rows, gram_of(rows));
}

/// capacity_i = |w_i|^4 / (w_i WᵀW w_iᵀ): one pass for WᵀW and one for the products.
Capacity capacity_of(const at::Tensor& rows, const at::Tensor& gram) {
  const std::int64_t width = rows.size(1);
  std::vector<at::Tensor> squares, products;
  for_each_part(rows, [&](const at::Tensor& part) {
    squares.push_back((part * part).sum(1));
    products.push_back((part.matmul(gram) * part).sum(1));  // |w_i|² sum_j (ŵ_i · w_j)²
  });
  const at::Tensor square = at::cat(squares), product = at::cat(products);
  Capacity out;
  // A row of zeros gives 0 / 0, which is NaN as wanted.
  out.capacity = square * square / product;
  out.interference = product / square - square;
  const at::Tensor total = square.sum();
  out.features_per_dimension = total.item<double>() / static_cast<double>(width);
  out.capacity_sum =
      at::where(square > 0, out.capacity, at::zeros({1}, at::kDouble)).sum().item<double>();
  // Symmetric up to rounding; averaging makes it exactly so.
  const at::Tensor values = linear_algebra::symmetric_eigen((gram + gram.t()) / 2).values;
  // Eigenvalues of WᵀW are known to a rounding of the largest.
  const double noise = values.abs().max().item<double>() * static_cast<double>(width) *
                       std::numeric_limits<double>::epsilon();
  out.rank = (values > noise).sum().item<std::int64_t>();
  return out;
}

}  // namespace lensbench::geometry
