#include "model/mixture.hpp"

#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <tuple>

#include "model/linear.hpp"
#include "model/mlp.hpp"
#include "model/profiled.hpp"

namespace lensbench {
namespace {

struct Routing {
  at::Tensor weights;  ///< [row, choice] float32, of each row 1 in sum
  at::Tensor experts;  ///< [row, choice] int64
};

Routing route(const Run& run, const HookSite& hooks, const BlockWeights& weights,
              const at::Tensor& rows) {
  const MlpSpec& spec = run.spec.mlp;
  const at::Tensor scores = linear(rows, weights.router).to(at::kFloat);
  const at::Tensor probabilities = hooks.apply(Point::expert_weights, at::softmax(scores, -1));
  const at::Tensor best = std::get<1>(at::topk(probabilities, spec.experts_per_token, -1));
  const at::Tensor experts = hooks.apply(Point::expert_indices, best);
  if (hooks.wants(Point::expert_indices) && (experts.min().item<std::int64_t>() < 0 ||
                                             experts.max().item<std::int64_t>() >= spec.n_experts))
    throw UsageError("hook_expert_indices: a replacement names an expert outside 0 to " +
                     std::to_string(spec.n_experts - 1));
  const at::Tensor chosen = probabilities.gather(-1, experts);
  return {chosen.div(chosen.sum(-1, true)), experts};
}

at::Tensor expert_output(const MlpSpec& spec, const ExpertWeights& expert, const at::Tensor& x) {
  if (!spec.gated) return linear(activate(spec.activation, linear(x, expert.in)), expert.out);
  const at::Tensor gate = activate(spec.activation, linear(x, expert.gate));
  return linear(gate.mul(linear(x, expert.in)), expert.out);
}

/// An expert's weights, to the sublayer that is being profiled.
void note_read(Profile& profile, std::int64_t layer, const ExpertWeights& expert) {
  ProfileEntry entry;
  entry.block = layer;
  entry.component = "mlp";
  entry.weight_bytes = bytes_of(expert.gate) + bytes_of(expert.in) + bytes_of(expert.out);
  profile.add(entry);
}

}  // namespace

at::Tensor mixture(const Run& run, std::int64_t layer, const at::Tensor& x) {
  const BlockWeights& weights = run.weights.blocks[static_cast<std::size_t>(layer)];
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  const Routing routing = route(run, HookSite(run.plan, layer), weights, rows);
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  at::Tensor sum = at::zeros(rows.sizes(), rows.options().dtype(wide));
  for (std::size_t e = 0; e < weights.experts.size(); ++e) {
    const std::vector<at::Tensor> places =
        at::where(routing.experts.eq(static_cast<std::int64_t>(e)));
    if (places[0].numel() == 0) continue;
    if (run.profile != nullptr) note_read(*run.profile, layer, weights.experts[e]);
    const at::Tensor made =
        expert_output(run.spec.mlp, weights.experts[e], rows.index_select(0, places[0]));
    const at::Tensor share = routing.weights.index({places[0], places[1]}).unsqueeze(1);
    sum = sum.index_add(0, places[0], made.to(wide).mul(share.to(wide)));
  }
  return sum.to(x.scalar_type()).view(x.sizes());
}

}  // namespace lensbench
