#include "checks.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>

#include "common/worst.hpp"

namespace lensbench::composition {
namespace {

double frobenius(const at::Tensor& matrix) {
  return matrix.norm().item<double>();
}

/// |difference| / size; a difference of zeros is 0.
double relative(double difference, double size) {
  return difference == 0.0 ? 0.0 : difference / std::max(size, 1e-300);
}

double relative_error(double norm, const at::Tensor& dense) {
  const double expected = frobenius(dense);
  return relative(std::abs(norm - expected), expected);
}

}  // namespace

at::Tensor dense_ov(const BlockHeads& heads, std::int64_t head) {
  return at::matmul(heads.value_of(head), heads.output[head]);
}

at::Tensor dense_qk(const BlockHeads& heads, std::int64_t head) {
  return at::matmul(heads.query[head], heads.key_of(head).t());
}

double norm_error(const BlockHeads& heads, std::int64_t head, double ov_norm, double qk_norm) {
  return worst_of(relative_error(ov_norm, dense_ov(heads, head)),
                  relative_error(qk_norm, dense_qk(heads, head)));
}

double score_error(double score, const at::Tensor& dense_sender, const at::Tensor& dense_receiver) {
  const double size = frobenius(dense_sender) * frobenius(dense_receiver);
  if (size == 0.0) return 0.0;
  return std::abs(score - frobenius(at::matmul(dense_sender, dense_receiver)) / size);
}

double rebuilding_error(const linear_algebra::Svd& svd, const at::Tensor& dense) {
  const at::Tensor rebuilt = at::matmul(svd.U * svd.S, svd.V.t());
  return relative(frobenius(rebuilt - dense), frobenius(dense));
}

double range_error(const at::Tensor& scores) {
  // NaN is the score of a receiver that is not later; an infinite one is a fault.
  const at::Tensor defined = scores.masked_select(scores.isnan().logical_not());
  if (defined.numel() == 0) return 0.0;
  return std::max({0.0, -defined.min().item<double>(), defined.max().item<double>() - 1.0});
}

std::vector<Receipt> receipts_of(const AnalysisPlan& plan, const Analysis& found) {
  const std::string rounding = "float64 products in another order";
  std::vector<Receipt> receipts = {
      make_receipt("factors_equal_dense_matrices", found.norm_error, 1e-9,
                   "norms of the first head and one score; " + rounding),
      // Eigenvalues of a matrix that is not symmetric lose digits where they are nearly defective.
      make_receipt("eigenvalues_sum_to_trace", found.trace_error, 1e-9,
                   "relative to the sum of their magnitudes; float64"),
      make_receipt("vectors_reproduce_the_matrix", found.vector_error, 1e-9,
                   "OV and QK of the first head; " + rounding)};
  if (!plan.modes.empty())
    receipts.push_back(make_receipt("scores_are_from_0_to_1", found.range_error, 1e-12,
                                    "largest distance from that range; " + rounding));
  return receipts;
}

}  // namespace lensbench::composition
