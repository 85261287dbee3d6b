#include "common/routing_jumps.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lensbench {
namespace {

/// Of each expert 0 without a share, 2 with the whole of it, else 1. The shares of SparseMixer
/// (Phi-3.5-MoE) jump where an expert begins or ends to compete for one, whatever is chosen.
at::Tensor kinds_of(const at::Tensor& shares) {
  return shares.gt(0.0).to(at::kLong).add(shares.ge(1.0).to(at::kLong));
}

}  // namespace

void RoutingPath::add(const PathPoint& point) {
  if (last_ && !at::equal(last_->experts, point.experts)) {
    const double slopes = (counted_ - last_->place) * last_->slope +  // of the last point's stretch
                          (point.place - counted_) * point.slope;
    jumps_.sum += point.value - last_->value - slopes;
    jumps_.share += point.place - last_->place;
    ++jumps_.intervals;
  }
  counted_ += point.weight;
  last_ = point;
}

std::optional<RoutingJumps> RoutingPath::jumps() const {
  return last_ ? std::optional(jumps_) : std::nullopt;
}

double unexplained(double gap, const std::optional<RoutingJumps>& jumps) {
  constexpr double kMostOfThePath = 0.5;
  if (!jumps || jumps->share > kMostOfThePath) return std::abs(gap);
  return std::min(std::abs(gap), std::abs(gap + jumps->sum));
}

/// The choices are sorted, since the order of the same experts changes what they give only where it
/// changes the kinds of their shares. The router gives shares before it chooses.
void read_experts(Hooks& hooks, const TransformerSpec& spec, std::int64_t rows,
                  std::int64_t position, ChosenExperts& experts) {
  if (!chooses_experts(spec)) return;
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

void add_points(RoutingPath& path, std::span<const double> places, std::span<const double> weights,
                const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& way,
                const ChosenExperts& experts) {
  std::vector<at::Tensor> blocks;
  for (const auto& [block, chosen] : experts) blocks.push_back(chosen);
  const at::Tensor of_all = at::stack(blocks, 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto run = static_cast<std::int64_t>(i);
    path.add({places[i], weights[i], values[run].item<double>(),
              (way * gradients[run].to(at::kDouble)).sum().item<double>(), of_all[run]});
  }
}

}  // namespace lensbench
