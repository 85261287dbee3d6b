#include "heads.hpp"

#include <ATen/TensorOperators.h>

namespace lensbench::attribution {

/// float32 for the large product with W_O, float64 for the sums over heads.
at::Tensor head_terms(const LogitDirection& direction, const at::Tensor& z, const at::Tensor& w_o) {
  const at::Tensor rows =
      w_o.reshape({-1, w_o.size(2)}).to(at::kFloat);  // [head * d_head, d_model]
  const at::Tensor seen = direction.vector.to(at::kFloat).matmul(rows.t());
  return seen.reshape(z.sizes()).to(at::kDouble) * z.to(at::kDouble);
}

at::Tensor bias_contribution(const LogitDirection& direction, const at::Tensor& bias) {
  if (!bias.defined()) return direction.bias * 0.0;
  return direction.vector.matmul(bias.to(at::kDouble));
}

at::Tensor bias_size(const LogitDirection& direction, const at::Tensor& bias) {
  if (!bias.defined()) return direction.bias * 0.0;
  return direction.magnitude.matmul(bias.to(at::kDouble).abs());
}

}  // namespace lensbench::attribution
