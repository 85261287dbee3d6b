#include "bases.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <map>

namespace lensbench::interchange {
namespace {

/// Rows that differ by less than this share of their size differ by rounding alone.
constexpr double kLeastSpread = 1e-5;

/// Directions in which rows vary most.
at::Tensor leading(const at::Tensor& rows, std::int64_t rank, const std::string& where) {
  const at::Tensor centred = rows - rows.mean(0, /*keepdim=*/true);
  const auto svd = linear_algebra::thin_svd(centred);
  const double least = kLeastSpread * rows.norm().item<double>();
  const std::int64_t spread = svd.S.gt(least).sum().item<std::int64_t>();
  if (spread < rank)
    throw RunError("interchange: the sources of the training pairs differ in " +
                   std::to_string(spread) + " directions at " + where + ", and rank is " +
                   std::to_string(rank) +
                   "; give other pairs, another position, or a smaller rank");
  return svd.V.narrow(1, 0, rank).contiguous();
}

/// -1 for negative values, else 1.
at::Tensor sides(const at::Tensor& values) {
  return values.sign() + values.eq(0);
}

}  // namespace

at::Tensor orthonormal(const at::Tensor& columns) {
  const auto [q, r] = at::linalg_qr(columns, "reduced");
  return (q * sides(r.diagonal())).contiguous();
}

at::Tensor mean_difference(const at::Tensor& rows, const std::vector<std::int64_t>& values,
                           std::int64_t rank, const std::string& where) {
  std::map<std::int64_t, std::vector<at::Tensor>> of_value;
  for (std::size_t i = 0; i < values.size(); ++i)
    of_value[values[i]].push_back(rows[static_cast<std::int64_t>(i)]);
  std::vector<at::Tensor> means;
  means.reserve(of_value.size());
  for (const auto& [value, own] : of_value) means.push_back(at::stack(own).mean(0));
  const at::Tensor basis = leading(at::stack(means), rank, where);
  return basis * sides(at::matmul(means.back() - means.front(), basis));
}

at::Tensor principal(const at::Tensor& rows, std::int64_t rank, const std::string& where) {
  return leading(rows, rank, where);
}

at::Tensor of_neurons(const std::vector<std::int64_t>& neurons, std::int64_t width) {
  at::Tensor basis = at::zeros({width, std::ssize(neurons)}, at::kDouble);
  for (std::size_t i = 0; i < neurons.size(); ++i)
    basis[neurons[i]][static_cast<std::int64_t>(i)] = 1.0;
  return basis;
}

at::Tensor random_basis(std::int64_t width, std::int64_t rank, Philox& random) {
  at::Tensor columns = at::empty({width, rank}, at::kDouble);
  double* value = columns.data_ptr<double>();
  for (std::int64_t i = 0; i < width * rank; ++i) value[i] = random.normal();
  return orthonormal(columns);
}

double orthonormality_error(const at::Tensor& basis) {
  const at::Tensor unit = at::eye(basis.size(1), basis.options());
  return (at::matmul(basis.t(), basis) - unit).abs().max().item<double>();
}

}  // namespace lensbench::interchange
