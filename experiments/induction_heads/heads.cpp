#include "heads.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <lensbench/statistics.hpp>

#include "common/repeated_tokens.hpp"

namespace induction_heads {
namespace {

using namespace lensbench;

constexpr double kControlShare = 0.99;

std::string point_of(std::int64_t block) {
  return "blocks." + std::to_string(block) + ".attn.hook_z";
}

}  // namespace

Selection choose_heads(const at::Tensor& scores, const at::Tensor& control) {
  Selection selection;
  selection.threshold = statistics::quantile(statistics::values_of(control), kControlShare);
  selection.mean = scores.mean(0);
  const at::Tensor induction = selection.mean[2];
  selection.ranked = by_score(induction);
  for (const Head& head : selection.ranked)
    if (induction[head.block][head.index].item<double>() > selection.threshold)
      selection.found.push_back(head);
  selection.previous = by_score(selection.mean[0]);
  return selection;
}

std::optional<std::vector<Head>> random_heads(const std::vector<Head>& like,
                                              const std::vector<Head>& excluded,
                                              std::int64_t n_heads, Philox& random) {
  std::vector<Head> drawn;
  for (const Head& head : like) {
    std::vector<Head> others;
    for (std::int64_t index = 0; index < n_heads; ++index) {
      const Head other{head.block, index};
      const auto is_in = [&](const std::vector<Head>& list) {
        return std::find(list.begin(), list.end(), other) != list.end();
      };
      if (!is_in(excluded) && !is_in(drawn)) others.push_back(other);
    }
    if (others.empty()) return std::nullopt;
    drawn.push_back(others[random.below(others.size())]);
  }
  return drawn;
}

at::Tensor mean_reads(const Model& model, const TokenBatch& batch) {
  std::vector<at::Tensor> means;
  Hooks hooks;
  hooks.read("blocks.*.attn.hook_z", [&](const at::Tensor& z, const HookPoint&) {
    means.push_back(z.to(at::kDouble).flatten(0, 1).mean(0).to(z.scalar_type()));
  });
  model.forward(batch, {.logits = ForwardOptions::Logits::none}, hooks);
  return at::stack(means);
}

at::Tensor run_without(const Model& model, const TokenBatch& batch, const std::vector<Head>& heads,
                       const at::Tensor& means) {
  Hooks hooks;
  std::vector<Head> sorted = heads;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].block == sorted[i - 1].block) continue;
    const std::int64_t block = sorted[i].block;
    hooks.replace(point_of(block), [sorted, block, &means](const at::Tensor& z, const HookPoint&) {
      at::Tensor changed = z.clone();
      for (const Head& head : sorted) {
        if (head.block != block) continue;
        at::Tensor read = changed.select(2, head.index);
        read.copy_(means[block][head.index].expand_as(read));
      }
      return changed;
    });
  }
  return model.forward(batch, {.logits = ForwardOptions::Logits::none}, hooks).residual;
}

}  // namespace induction_heads
