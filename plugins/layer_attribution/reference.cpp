#include "reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "common/kept_reference.hpp"
#include "common/request_number.hpp"

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

/// Sums over positions, of all blocks.
struct Sums {
  at::Tensor attn_out, mlp_out;  ///< [block, d_model]
  at::Tensor z;                  ///< [block, head, d_value]
  at::Tensor tokens;             ///< []
};

Sums zeros_of(const TransformerSpec& spec) {
  const auto like = at::TensorOptions().dtype(at::kDouble);
  return {at::zeros({spec.n_layers, spec.d_model}, like),
          at::zeros({spec.n_layers, spec.d_model}, like),
          at::zeros({spec.n_layers, spec.attention.n_heads, spec.d_value()}, like),
          at::zeros({}, at::TensorOptions().dtype(at::kLong))};
}

/// Hooks that add one kind of output of every block to its sums [block, ...].
void sum_into(Hooks& hooks, const std::string& name, at::Tensor& sums) {
  hooks.read("blocks.*." + name, [&sums](const at::Tensor& value, const HookPoint& point) {
    at::Tensor sum = sums[point.layer];
    add_positions(sum, value);
  });
}

std::vector<at::Tensor> means_of(const at::Tensor& sums, std::int64_t count) {
  return sums.div(static_cast<double>(count)).unbind(0);
}

/// Number by which kept sums are recognised as those of the same prompts.
std::int64_t number_of(const ReferencePrompts& reference) {
  RequestNumber number;
  number.mix_all(reference.key());
  return number.value();
}

}  // namespace

/// One forward for each prompt; its activations are added to sums and dropped.
ReferenceMeans reference_means(Context& context, const ReferencePrompts& reference) {
  reference.check_mean(kMeanAblation);
  const Model& model = context.model();
  Sums sums = zeros_of(model.spec());
  Hooks hooks;
  sum_into(hooks, "hook_attn_out", sums.attn_out);
  sum_into(hooks, "hook_mlp_out", sums.mlp_out);
  sum_into(hooks, "attn.hook_z", sums.z);
  KeptProgress progress(context, "layer_attribution", "run_layer_attribution_means",
                        number_of(reference), 0,
                        {{"attn_out", &sums.attn_out},
                         {"mlp_out", &sums.mlp_out},
                         {"z", &sums.z},
                         {"tokens", &sums.tokens}});
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  run_reference(reference, progress, [&](const Tokens& prompt) {
    model.forward(make_batch(prompt), options, hooks);
    sums.tokens.add_(prompt.size());
  });
  const auto tokens = sums.tokens.item<std::int64_t>();
  return {means_of(sums.attn_out, tokens), means_of(sums.mlp_out, tokens), means_of(sums.z, tokens),
          progress.done(), tokens};
}

}  // namespace lensbench::attribution
