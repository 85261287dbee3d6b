#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

// One tensor, so that libtorch has set itself up as it has in any process that uses it.
int main() {
  return static_cast<int>(at::zeros({1}).numel()) - 1;
}
