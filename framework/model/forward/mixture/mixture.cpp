#include "model/forward/mixture/mixture.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <limits>
#include <tuple>

#include "model/forward/linear.hpp"
#include "model/forward/mixture/sparse_mixer.hpp"
#include "model/forward/mlp.hpp"
#include "model/runtime/profiled.hpp"

namespace lensbench {
namespace {

struct Routing {
  at::Tensor weights;  ///< [row, choice] float32; of all experts [row, expert] before the choice
  at::Tensor experts;  ///< [row, choice] int64
};

/// The probabilities by which experts are chosen: with the correction of each expert, and minus
/// infinity outside the groups with the highest scores (DeepSeek-V2 and -V3).
at::Tensor for_choice(const RoutingSpec& spec, const BlockWeights& weights,
                      const at::Tensor& probabilities) {
  const at::Tensor scores =
      spec.correction ? probabilities.add(weights.router_correction) : probabilities;
  if (spec.groups_per_token == spec.groups) return scores;
  const at::Tensor by_group =
      scores.view({scores.size(0), spec.groups, scores.size(1) / spec.groups});
  const at::Tensor ranks = std::get<0>(at::topk(by_group, spec.group_scores, -1)).sum(-1);
  const at::Tensor best = std::get<1>(at::topk(ranks, spec.groups_per_token, -1));
  const at::Tensor closed =
      at::ones(ranks.sizes(), ranks.options().dtype(at::kBool)).scatter(1, best, false);
  return by_group.masked_fill(closed.unsqueeze(-1), -std::numeric_limits<double>::infinity())
      .flatten(1);
}

/// Shares of the chosen experts, [row, choice].
at::Tensor shares_of(const TransformerSpec& spec, const at::Tensor& chosen) {
  at::Tensor shares = chosen;
  // The probabilities of the chosen experts are renormalised to sum to 1 (Mixtral,
  // arXiv:2401.04088). All sigmoids may be 0; the reference adds the same number.
  if (spec.renormalized_experts)
    shares =
        shares.div(spec.routing.sigmoid ? shares.sum(-1, true).add(1e-20) : shares.sum(-1, true));
  return spec.routing.scale == 1.0 ? shares : shares.mul(spec.routing.scale);
}

/// Shares of all experts [row, expert] float32, and the experts that each row chooses.
/// \param scores [row, expert] of the router
Routing choose(const ForwardState& state, const HookSite& hooks, const BlockWeights& weights,
               const at::Tensor& scores) {
  const FamilySettings& settings = state.weights.settings;
  if (settings.mixer_jitter) {
    const MixerRouting mixed = sparse_mixer(scores, *settings.mixer_jitter);
    return {hooks.apply(Point::expert_weights, mixed.shares), mixed.experts};
  }
  const RoutingSpec& routing = state.spec.routing;
  const at::Tensor wide = scores.to(at::kFloat);
  const at::Tensor shares =
      hooks.apply(Point::expert_weights, routing.sigmoid ? wide.sigmoid() : at::softmax(wide, -1));
  // The sigmoids of high scores are all 1; Llama 4 chooses by the scores.
  const at::Tensor ranks =
      settings.shares_scale_inputs ? wide : for_choice(routing, weights, shares);
  return {shares, std::get<1>(at::topk(ranks, state.spec.mlp.experts_per_token, -1))};
}

/// Experts of each position and their shares. The rows are all positions of the batch. The weights
/// of the router may be wider than the stream.
Routing route(const ForwardState& state, const HookSite& hooks, const BlockWeights& weights,
              const at::Tensor& rows) {
  const Linear& router = weights.router;
  const at::Tensor scores =
      hooks.apply(Point::router_scores, linear(rows.to(router.weight.scalar_type()), router));
  const Routing chosen = choose(state, hooks, weights, scores);
  const at::Tensor experts = hooks.apply(Point::expert_indices, chosen.experts);
  // A replacement is checked here, since an index outside the table would be undefined behaviour.
  const std::int64_t last = state.spec.mlp.n_experts - 1;
  if (hooks.wants(Point::expert_indices) &&
      (experts.min().item<std::int64_t>() < 0 || experts.max().item<std::int64_t>() > last))
    throw UsageError("hook_expert_indices: the replacement holds an expert outside 0 to " +
                     std::to_string(last));
  return {shares_of(state.spec, chosen.weights.gather(-1, experts)), experts};
}

/// Gated neurons of gpt-oss. \param gate, up  outputs of the two projections
at::Tensor clipped_gate(const ClippedGate& spec, const at::Tensor& gate, const at::Tensor& up) {
  const at::ScalarType wide = accumulation_type(gate.scalar_type());
  const at::Tensor limited = gate.to(wide).clamp_max(spec.limit);
  const at::Tensor open = limited.mul(limited.mul(spec.alpha).sigmoid());
  return up.to(wide).clamp(-spec.limit, spec.limit).add(1.0).mul(open).to(gate.scalar_type());
}

at::Tensor expert_output(const TransformerSpec& model, const HookSite& hooks,
                         const ExpertWeights& expert, const at::Tensor& x) {
  const MlpSpec& spec = model.mlp;
  at::Tensor gate;
  if (spec.gated) gate = hooks.apply(Point::expert_gate, linear(x, expert.gate));
  const at::Tensor pre = hooks.apply(Point::expert_pre, linear(x, expert.in));
  const at::Tensor post = model.clipped_gate ? clipped_gate(*model.clipped_gate, gate, pre)
                          : spec.gated       ? activate(spec.activation, gate).mul(pre)
                                             : activate(spec.activation, pre);
  return linear(hooks.apply(Point::expert_post, post), expert.out);
}

/// What an expert adds to its rows, in the accumulation type.
/// \param share [row, 1] float32
at::Tensor weighted_output(const ForwardState& state, const HookSite& hooks,
                           const ExpertWeights& expert, const at::Tensor& x,
                           const at::Tensor& share) {
  const at::ScalarType type = x.scalar_type(), wide = accumulation_type(type);
  if (state.weights.settings.shares_scale_inputs)
    return expert_output(state.spec, hooks, expert, x.mul(share.to(type))).to(wide);
  return expert_output(state.spec, hooks, expert, x).to(wide).mul(share.to(wide));
}

/// What the expert that reads every row adds: its output, times a share that the row decides if the
/// model has that.
at::Tensor shared_output(const ForwardState& state, const BlockWeights& weights,
                         const at::Tensor& rows) {
  const ExpertWeights& expert = weights.shared_expert;
  const at::Tensor gate = activate(state.spec.mlp.activation, linear(rows, expert.gate));
  const at::Tensor made = linear(gate.mul(linear(rows, expert.in)), expert.out);
  const at::ScalarType wide = accumulation_type(rows.scalar_type());
  if (!state.spec.shared_expert_gate) return made.to(wide);
  return made.to(wide).mul(linear(rows, weights.shared_expert_gate).to(wide).sigmoid());
}

/// Hooks on an expert need it to run even if no position chose it.
bool wants_any(const HookSite& hooks) {
  return hooks.wants(Point::expert_gate) || hooks.wants(Point::expert_pre) ||
         hooks.wants(Point::expert_post);
}

/// Counts the weights of an expert as read by the MLP that is being profiled.
void note_read(Profile& profile, std::int64_t layer, const ExpertWeights& expert) {
  ProfileEntry entry;
  entry.block = layer;
  entry.component = "mlp";
  entry.weight_bytes = bytes_of(expert.gate) + bytes_of(expert.in) + bytes_of(expert.out);
  profile.add(entry);
}

}  // namespace

at::Tensor mixture(const ForwardState& state, std::int64_t layer, const at::Tensor& x) {
  const BlockWeights& weights = state.weights.blocks[static_cast<std::size_t>(layer)];
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  const Routing routing = route(state, HookSite(state.plan, layer), weights, rows);
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  // Sums of experts are kept wide and rounded once, like the sums of a product.
  at::Tensor sum = state.spec.d_shared_expert > 0
                       ? shared_output(state, weights, rows)
                       : at::zeros(rows.sizes(), rows.options().dtype(wide));
  for (std::size_t e = 0; e < weights.experts.size(); ++e) {
    const std::vector<at::Tensor> chosen =  // indices of row and of choice
        at::where(routing.experts.eq(static_cast<std::int64_t>(e)));
    const HookSite hooks(state.plan, layer, static_cast<std::int64_t>(e));
    // An expert with hooks runs even without rows, so that each hook fires.
    if (chosen[0].numel() == 0 && !wants_any(hooks)) continue;
    if (state.profile != nullptr) note_read(*state.profile, layer, weights.experts[e]);
    const at::Tensor share = routing.weights.index({chosen[0], chosen[1]}).unsqueeze(1);
    sum = sum.index_add(
        0, chosen[0],
        weighted_output(state, hooks, weights.experts[e], rows.index_select(0, chosen[0]), share));
  }
  return sum.to(x.scalar_type()).view(x.sizes());
}

}  // namespace lensbench
