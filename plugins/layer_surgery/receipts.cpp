#include "receipts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <limits>
#include <string>

#include "common/worst.hpp"
#include "heads.hpp"
#include "orders.hpp"

namespace lensbench::surgery {
namespace {

bool on_blocks(SurgeryOperation operation) {
  return operation != SurgeryOperation::merge_heads && operation != SurgeryOperation::prune;
}

/// 0 if two streams are equal in every bit, else the largest difference (at least the smallest
/// number).
double difference(const at::Tensor& a, const at::Tensor& b) {
  if (at::equal(a, b)) return 0;
  return std::max((a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(),
                  std::numeric_limits<double>::min());
}

/// Block with outputs of zero: it then passes the stream on, like a deleted block.
at::Tensor with_zeroed_outputs(const Model& model, const Window& window, std::int64_t block) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = block;
  options.residual = window.streams[static_cast<std::size_t>(block)];
  Hooks hooks;
  for (const char* hook : {".hook_attn_out", ".hook_mlp_out"})
    hooks.replace("blocks." + std::to_string(block) + hook,
                  [](const at::Tensor& value, const HookPoint&) { return value * 0; });
  return model.forward(window.batch, options, hooks).residual;
}

/// Receipts of operations on blocks.
void check_blocks(Dataset& dataset, const Model& model, const Window& window,
                  SurgeryOperation operation, const std::vector<Variant>& variants) {
  dataset.receipts.push_back(
      make_receipt("identity_order_equals_forward",
                   difference(run_block_by_block(model, window), window.streams.back()), 0,
                   "the blocks in their own order, one by one, give the stream of the forward in "
                   "every bit"));
  // Where a norm follows each addition, a block with outputs of 0 still normalises.
  if (operation != SurgeryOperation::delete_block ||
      model.spec().norm_placement == NormPlacement::after_add)
    return;
  double worst = 0;
  // Three variants suffice to find a fault, and each costs a forward.
  for (std::size_t i = 0; i < std::min<std::size_t>(3, variants.size()); ++i)
    worst = worst_of(worst, difference(variants[i].run(window),
                                       with_zeroed_outputs(model, window, variants[i].block)));
  dataset.receipts.push_back(make_receipt(
      "deleting_a_block_equals_zeroing_its_outputs", worst, 0,
      "attn_out and mlp_out at zero leave the stream unchanged in every bit; up to three blocks"));
}

/// Receipts of merged heads, on the first pair.
void check_heads(Dataset& dataset, const SharedModel& model, const Window& window,
                 const LayerSurgeryOptions& options) {
  const auto& [i, j] = options.heads.front();
  // alpha = 1 keeps the first head.
  const auto itself = with_weights(model, merged_weights(*model, i, i, 1));
  dataset.receipts.push_back(
      make_receipt("merging_a_head_with_itself_changes_nothing",
                   difference(run_from(*itself, window, i.block), window.streams.back()), 0,
                   "the same weights give the same stream in every bit"));
  const auto zeroed = with_weights(model, merged_weights(*model, i, j, 1));
  const at::Tensor ablated = run_without_head(*model, window, j);
  const double size = ablated.to(at::kDouble).abs().max().item<double>();
  dataset.receipts.push_back(
      make_receipt("zeroing_the_second_head_equals_ablating_it",
                   difference(run_from(*zeroed, window, i.block), ablated) / std::max(size, 1e-30),
                   1e-5, "relative to the largest number of the stream: sums of products"));
}

void check_pruning(Dataset& dataset, const Model& model, const Window& window,
                   const LayerSurgeryOptions& options) {
  const bool heads = options.parts == "heads";
  const std::string hook = heads ? "blocks.0.attn.hook_z" : "blocks.0.mlp.hook_post";
  ForwardOptions forward;
  forward.logits = ForwardOptions::Logits::none;
  forward.residual = window.streams.front();
  Hooks hooks;
  // A copy of the same values through the hook of the masks.
  hooks.replace(hook, [](const at::Tensor& value, const HookPoint&) { return value.clone(); });
  dataset.receipts.push_back(make_receipt(
      "replacing_an_activation_by_itself_changes_nothing",
      difference(model.forward(window.batch, forward, hooks).residual, window.streams.back()), 0,
      hook + " replaced by a copy gives the same stream in every bit"));
}

}  // namespace

void add_receipts(Dataset& dataset, const SharedModel& model, const Window& window,
                  SurgeryOperation operation, const LayerSurgeryOptions& options,
                  const std::vector<Variant>& variants) {
  if (on_blocks(operation)) check_blocks(dataset, *model, window, operation, variants);
  if (operation == SurgeryOperation::merge_heads) check_heads(dataset, model, window, options);
  if (operation == SurgeryOperation::prune) check_pruning(dataset, *model, window, options);
}

}  // namespace lensbench::surgery
