#include "reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

namespace lensbench::attribution {
namespace {

/// Adds the rows of `values` [1, token, ...] to `sum` [...], in index order.
void add_positions(at::Tensor& sum, const at::Tensor& values) {
  const at::Tensor rows = values[0].to(at::kCPU, at::kDouble).contiguous();
  const std::int64_t width = sum.numel();
  const double* row = rows.data_ptr<double>();
  double* total = sum.data_ptr<double>();
  // In index order, not by a parallel sum, so that the means do not depend on threads.
  for (std::int64_t token = 0; token < rows.size(0); ++token, row += width)
    for (std::int64_t i = 0; i < width; ++i) total[i] += row[i];
}

/// Hooks that add one kind of output of every block to its sums.
void sum_into(Hooks& hooks, const std::string& name, std::vector<at::Tensor>& sums) {
  hooks.read("blocks.*." + name, [&sums](const at::Tensor& value, const HookPoint& point) {
    at::Tensor& sum = sums[static_cast<std::size_t>(point.layer)];
    if (!sum.defined()) sum = at::zeros(value.sizes().slice(2), at::kDouble);
    add_positions(sum, value);
  });
}

void divide(std::vector<at::Tensor>& sums, std::int64_t count) {
  for (at::Tensor& sum : sums) sum.div_(static_cast<double>(count));
}

}  // namespace

/// One forward for each prompt; its activations are added to sums and dropped.
ReferenceMeans reference_means(const Model& model, const ReferencePrompts& reference) {
  reference.check_mean(kMeanAblation);
  ReferenceMeans means;
  const auto blocks = static_cast<std::size_t>(model.spec().n_layers);
  for (auto* sums : {&means.attn_out, &means.mlp_out, &means.z}) sums->resize(blocks);
  Hooks hooks;
  sum_into(hooks, "hook_attn_out", means.attn_out);
  sum_into(hooks, "hook_mlp_out", means.mlp_out);
  sum_into(hooks, "attn.hook_z", means.z);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  reference.for_each([&](const Tokens& prompt) {
    model.forward(make_batch(prompt), options, hooks);
    ++means.prompts;
    means.tokens += prompt.size();
  });
  for (auto* sums : {&means.attn_out, &means.mlp_out, &means.z}) divide(*sums, means.tokens);
  return means;
}

}  // namespace lensbench::attribution
