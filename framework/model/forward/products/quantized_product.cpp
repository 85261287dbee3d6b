#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/forward/products/product.hpp"

namespace lensbench::products {
namespace {

/// Rows up to which the weight is multiplied as it is made. In float32 all numbers of rows but one
/// are multiplied alike, as with plain weights.
std::int64_t most_few_rows(const Matrix& weight) {
  return weight.quantized.rounded == at::kFloat ? 1 : kFewRows;
}

at::Tensor made_product(const at::Tensor& x, const at::Tensor& weight) {
  const Matrix matrix = *matrix_of(weight);
  const bool few = matrix.by_output && x.size(0) <= most_few_rows(matrix);
  return few ? few_rows(x, matrix) : many_rows(x, matrix);
}

}  // namespace

/// The graph keeps the weight as the reference that it is.
class QuantizedProduct : public torch::autograd::Function<QuantizedProduct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight) {
    context->saved_data["weight"] = weight;
    return made_product(x, weight);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor weight = context->saved_data["weight"].toTensor();
    return {made_product(gradients[0], weight.t()), at::Tensor()};
  }
};

at::Tensor quantized_product(const at::Tensor& x, const at::Tensor& weight) {
  if (at::GradMode::is_enabled() && x.requires_grad()) return QuantizedProduct::apply(x, weight);
  return made_product(x, weight);
}

}  // namespace lensbench::products
