#include "common/routing_jumps.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>

#include <algorithm>

namespace lensbench {
namespace {

/// Of each expert 0 without a share, 2 with the whole of it, else 1. The shares of SparseMixer
/// (Phi-3.5-MoE) jump where an expert begins or ends to compete for one, whatever is chosen.
at::Tensor kinds_of(const at::Tensor& shares) {
  return shares.gt(0.0).to(at::kLong).add(shares.ge(1.0).to(at::kLong));
}

}  // namespace

RoutingJumps routing_jumps_of(std::vector<PathPoint> path) {
  std::ranges::stable_sort(path, {}, &PathPoint::place);
  RoutingJumps jumps;
  double counted = 0;  // end of the stretch that `from` counts for
  for (std::size_t k = 1; k < path.size(); ++k) {
    const PathPoint &from = path[k - 1], &to = path[k];
    counted += from.weight;
    if (at::equal(from.experts, to.experts)) continue;
    const double slopes = (counted - from.place) * from.slope + (to.place - counted) * to.slope;
    jumps.sum += to.value - from.value - slopes;
    ++jumps.intervals;
  }
  return jumps;
}

/// The choices are sorted, since the order of the same experts changes what they give only where it
/// changes the kinds of their shares. The router gives shares before it chooses.
void read_experts(Hooks& hooks, const TransformerSpec& spec, std::int64_t rows,
                  std::int64_t position, ChosenExperts& experts) {
  if (spec.mlp.n_experts == 0) return;
  const bool causal = spec.attention.causal;
  hooks.read("blocks.*.mlp.hook_expert_weights",
             [&experts](const at::Tensor& x, const HookPoint& at) {
               experts[at.layer] = kinds_of(x.detach());
             });
  hooks.read("blocks.*.mlp.hook_expert_indices", [rows, position, causal, &experts](
                                                     const at::Tensor& x, const HookPoint& at) {
    const at::Tensor routing = at::cat({std::get<0>(x.sort(-1)), experts.at(at.layer)}, -1);
    const at::Tensor of_rows = routing.reshape({rows, -1, routing.size(-1)});
    const std::int64_t seen = causal ? position + 1 : of_rows.size(1);
    experts[at.layer] = of_rows.narrow(1, 0, seen).to(at::kInt);
  });
}

void add_points(std::vector<PathPoint>& path, std::span<const double> places,
                std::span<const double> weights, const at::Tensor& values,
                const at::Tensor& gradients, const at::Tensor& way, const ChosenExperts& experts) {
  std::vector<at::Tensor> blocks;
  for (const auto& [block, chosen] : experts) blocks.push_back(chosen);
  const at::Tensor of_all = at::stack(blocks, 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto run = static_cast<std::int64_t>(i);
    path.push_back({places[i], weights[i], values[run].item<double>(),
                    (way * gradients[run].to(at::kDouble)).sum().item<double>(), of_all[run]});
  }
}

}  // namespace lensbench
