#include "receipts.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "common/worst.hpp"

namespace lensbench::paths {
namespace {

std::string in_block(std::size_t block, const char* hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// Differences of all senders: of single heads where the stream is a sum of them.
Injection of_all_senders(const RunPair& pair) {
  const TransformerSpec& spec = pair.model().spec();
  Injection all;
  all.embed = pair.difference({Sender::Kind::embed});
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    at::Tensor attention;
    if (spec.norm_placement != NormPlacement::before) {
      // Where heads are not senders, the whole attention is one.
      attention = pair.difference({Sender::Kind::attention, block});
    } else {
      for (std::int64_t head = 0; head < spec.attention.n_heads; ++head) {
        const at::Tensor part = pair.difference({Sender::Kind::head, block, head});
        attention = attention.defined() ? attention.add(part) : part;
      }
    }
    all.attn.push_back(attention);
    all.mlp.push_back(pair.difference({Sender::Kind::mlp, block}));
  }
  return all;
}

/// Last stream of a run in which every head and every MLP reads what all senders give it; its
/// outputs are then those of the source run, and only the embedding is that of the base run.
/// \param sum  receives the sum of all differences, [position, d_model]
/// Every receiver reads the sum of what all earlier senders changed, so that each sublayer computes
/// what it does in the source run.
at::Tensor run_all_paths(const RunPair& pair, const Injection& all, at::Tensor& sum) {
  const TransformerSpec& spec = pair.model().spec();
  const RunState& base = pair.base();
  sum = all.embed.clone();
  Hooks hooks;
  for (std::size_t block = 0; block < all.attn.size(); ++block) {
    const at::Tensor stream = plus(base.resid[block], sum);  // [position, d_model]
    const at::Tensor mid = sum.add(all.attn[block]);
    // The MLP of a parallel block reads the stream before attention.
    const at::Tensor of_mlp = plus(base.mlp_in[block], spec.parallel_blocks ? sum : mid);
    for (const char* hook : {"hook_q_input", "hook_k_input", "hook_v_input"})
      hooks.replace(in_block(block, hook), [stream](const at::Tensor& x, const HookPoint&) {
        return stream.unsqueeze(1).unsqueeze(0).expand_as(x).contiguous();
      });
    hooks.replace(in_block(block, "hook_mlp_in"), [of_mlp](const at::Tensor& x, const HookPoint&) {
      return of_mlp.expand_as(x).contiguous();
    });
    // Later receivers see this block's outputs too.
    sum = mid.add(all.mlp[block]);
  }
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return pair.model().forward(make_batch(pair.tokens()), options, hooks).residual[0];
}

/// Direction of one token's logit in the normalised stream, before the final norm's gain.
at::Tensor direction_of(const Model& model, std::int64_t id) {
  const Unembedding& unembedding = model.unembedding();
  at::Tensor direction = unembedding.weight[id].to(at::kDouble).mul(unembedding.logit_scale);
  if (model.spec().d_embedding > 0)
    direction = model.weight("unembed.W_proj").to(at::kDouble).matmul(direction);
  return direction;
}

/// Divisor of the final norm of one row.
double norm_scale(const NormSpec& norm, const at::Tensor& row) {
  const at::Tensor x = norm.kind == NormKind::layer_norm ? row.sub(row.mean()) : row;
  return std::sqrt(x.square().mean().item<double>() + norm.epsilon);
}

}  // namespace

/// All paths together are the whole difference between the runs: three ways to put them together
/// must give the metric of the source run.
Receipt all_paths_give_the_source(const SweepCheck& check, const RunPair& pair,
                                  double source_metric, bool recompute_mlps) {
  const std::int64_t position = check.options.metric_position;
  const Injection all = of_all_senders(pair);
  at::Tensor sum;
  const at::Tensor run = run_all_paths(pair, all, sum);
  // The outputs of the run are those of the source; only the embedding is still that of the base.
  std::vector<at::Tensor> streams = {plus(run, all.embed), plus(pair.base().last, sum)};
  if (recompute_mlps) {
    Injection without_mlps = all;
    without_mlps.mlp.clear();
    streams.push_back(run_mlps(pair, {without_mlps}).front().last);
  }
  const at::Tensor source = at::full({1, 1}, source_metric, at::kDouble);
  double largest = 0.0;
  for (const at::Tensor& stream : streams) {
    const at::Tensor metric = check.metrics(stream.narrow(0, position, 1)).reshape({1, 1});
    largest = worst_of(largest, relative_difference(check, metric, source));
  }
  return make_receipt("all_paths_give_the_source_metric", largest, rounding_tolerance(check.model),
                      "all senders into all receivers at once; relative to the gap or the largest "
                      "metric; order of rounding");
}

/// Logit difference of the direct path: difference of the sender, times the direction of the logit,
/// divided by the base's scale.
at::Tensor frozen_norm_effects(const RunPair& pair, const std::vector<Sender>& senders,
                               const MetricReader& reader) {
  const Model& model = pair.model();
  const TransformerSpec& spec = model.spec();
  at::Tensor direction = direction_of(model, reader.target());
  if (reader.versus()) direction = direction.sub(direction_of(model, *reader.versus()));
  const bool centred = spec.final_norm && spec.norm.kind == NormKind::layer_norm;
  double scale = 1.0;
  if (spec.final_norm) {
    if (spec.norm.has_gain) direction = direction.mul(model.weight("ln_final.w").to(at::kDouble));
    scale = norm_scale(spec.norm, pair.base().last[reader.position()].to(at::kDouble));
  }
  const auto count = static_cast<std::int64_t>(senders.size());
  at::Tensor effects = at::zeros({count}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    at::Tensor row = pair.difference(senders[static_cast<std::size_t>(i)])[reader.position()];
    if (centred) row = row.sub(row.mean());
    effects[i] = row.mul(direction).sum().div(scale);
  }
  return effects;
}

}  // namespace lensbench::paths
