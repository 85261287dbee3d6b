#include "neurons.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

namespace lensbench::attribution {

at::Tensor neuron_contributions(const at::Tensor& vector, const at::Tensor& post,
                                const at::Tensor& w_out) {
  // W_out · v for all neurons, in float32; the products with activations in float64.
  const at::Tensor seen = w_out.to(at::kFloat).mv(vector.to(at::kFloat));
  return seen.to(at::kDouble) * post.to(at::kDouble);
}

std::vector<Neuron> strongest_neurons(const std::vector<at::Tensor>& contributions,
                                      std::int64_t count) {
  std::vector<Neuron> all;
  for (std::size_t layer = 0; layer < contributions.size(); ++layer) {
    const at::Tensor values = contributions[layer].to(at::kDouble).contiguous();
    const double* value = values.data_ptr<double>();
    for (std::int64_t index = 0; index < values.numel(); ++index)
      all.push_back({static_cast<std::int64_t>(layer), index, value[index]});
  }
  const auto kept =
      all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                        static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), all.size()));
  // A total order, so that the list does not depend on the sort.
  const auto stronger = [](const Neuron& a, const Neuron& b) {
    const double size_a = std::abs(a.contribution), size_b = std::abs(b.contribution);
    if (size_a != size_b) return size_a > size_b;
    return a.layer != b.layer ? a.layer < b.layer : a.index < b.index;
  };
  std::partial_sort(all.begin(), kept, all.end(), stronger);
  all.erase(kept, all.end());
  return all;
}

}  // namespace lensbench::attribution
