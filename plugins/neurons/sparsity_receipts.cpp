#include "sparsity_receipts.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>

namespace lensbench::neurons {

at::Tensor mean_active(const TextActivity& activity, const TextActivity::Neurons& neurons) {
  const at::Tensor active = (neurons.frequency * neurons.rows.to(at::kDouble)).nansum(1);
  return active / static_cast<double>(activity.tokens());
}

Receipt histogram_is_complete(const TextActivity& activity, const TextActivity::Neurons& neurons) {
  const at::Tensor missing = (activity.histogram().counts.sum(1) - neurons.rows.sum(1)).abs().max();
  return make_receipt("histogram_counts_equal_tokens_times_neurons",
                      missing.to(at::kDouble).item<double>(), 0.0);
}

Receipt squares_agree(const TextActivity& activity) {
  return make_receipt("squares_by_neuron_equal_squares_by_token", activity.squares_difference(),
                      1e-9, "relative; float64 sums in another order");
}

Receipt active_neurons_agree(const MeasuredText& measured, const PromptActivity& prompt,
                             const TextActivity::Neurons& neurons) {
  const std::int64_t skipped = measured.first_tokens;
  const at::Tensor counted =
      prompt.l0.narrow(1, skipped, prompt.l0.size(1) - skipped).to(at::kDouble).sum(1);
  const auto tokens = static_cast<double>(measured.activity.tokens());
  const at::Tensor expected = mean_active(measured.activity, neurons).nan_to_num(0.0) * tokens;
  return make_receipt(
      "active_neurons_by_token_equal_frequencies", (counted - expected).abs().max().item<double>(),
      1e-6 * std::max(1.0, counted.max().item<double>()), "counts; shares are rounded");
}

}  // namespace lensbench::neurons
