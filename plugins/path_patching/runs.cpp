#include "runs.hpp"

#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace lensbench::paths {
namespace {

/// Logits of a run are read from its last stream where they are needed.
ForwardOptions blocks_only() {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return options;
}

std::size_t index_of(const HookPoint& point) {
  return static_cast<std::size_t>(point.layer);
}

/// Adds row by row, so that rows without a difference keep every bit.
/// \param rows  [row, position, d_model]
/// \param of  difference of a row, undefined: nothing
template <class Difference>
at::Tensor add_rows(const at::Tensor& rows, std::int64_t count, const Difference& of) {
  at::Tensor changed = rows.clone();
  for (std::int64_t row = 0; row < count; ++row) {
    const at::Tensor difference = of(static_cast<std::size_t>(row));
    if (difference.defined()) changed[row].copy_(plus(rows[row], difference));
  }
  return changed;
}

at::Tensor of_block(const std::vector<at::Tensor>& differences, std::size_t block) {
  return differences.empty() ? at::Tensor() : differences[block];
}

/// Whether an injection changes each position, [position, 1] bool.
at::Tensor changes(const Injection& injection, std::int64_t length) {
  at::Tensor changed = at::zeros({length, 1}, at::kBool);
  const auto mark = [&](const at::Tensor& difference) {
    if (difference.defined()) changed.logical_or_(difference.ne(0).any(-1, true));
  };
  mark(injection.embed);
  for (const at::Tensor& difference : injection.attn) mark(difference);
  for (const at::Tensor& difference : injection.mlp) mark(difference);
  return changed;
}

}  // namespace

const at::Tensor& RunState::input(const Receiver& receiver) const {
  if (receiver.kind == Receiver::Kind::logits) return last;
  const auto block = static_cast<std::size_t>(receiver.block);
  return receiver.kind == Receiver::Kind::mlp ? mlp_in[block] : resid[block];
}

/// One forward for everything that paths of a run need.
RunState read_run(const Model& model, const Tokens& tokens) {
  RunState run;
  const auto n = static_cast<std::size_t>(model.spec().n_layers);
  Hooks hooks;
  // Tokens of pictures take the place of embeddings.
  hooks.read(model.spec().vision ? "hook_merged_embed" : "hook_embed",
             [&](const at::Tensor& x, const HookPoint&) { run.embed = x[0]; });
  const auto keep = [&](const char* hook, std::vector<at::Tensor>& values) {
    values.resize(n);
    hooks.read(std::string("blocks.*.") + hook,
               [&values](const at::Tensor& x, const HookPoint& p) { values[index_of(p)] = x[0]; });
  };
  keep("attn.hook_z", run.z);
  keep("hook_attn_out", run.attn_out);
  keep("hook_mlp_out", run.mlp_out);
  keep("hook_resid_pre", run.resid);
  keep("hook_mlp_in", run.mlp_in);
  run.last = model.forward(make_batch(tokens), blocks_only(), hooks).residual[0];
  return run;
}

RunPair::RunPair(const Model& model, const Tokens& base, const Tokens& source)
    : model_(model),
      tokens_(base),
      base_(read_run(model, base)),
      source_(read_run(model, source)) {}

/// Float64, since differences of nearly equal outputs lose digits.
at::Tensor RunPair::difference(const Sender& sender) const {
  const auto between = [](const at::Tensor& source, const at::Tensor& base) {
    return source.to(at::kDouble).sub(base.to(at::kDouble));
  };
  if (sender.kind == Sender::Kind::embed) return between(source_.embed, base_.embed);
  const auto block = static_cast<std::size_t>(sender.block);
  if (sender.kind == Sender::Kind::attention)
    return between(source_.attn_out[block], base_.attn_out[block]);
  if (sender.kind == Sender::Kind::mlp)
    return between(source_.mlp_out[block], base_.mlp_out[block]);
  // A head's output is made here from z, so that [position, head, d_model] is never held.
  const at::Tensor w_o =
      model_.weight("blocks." + std::to_string(sender.block) + ".attn.W_O")[sender.head];
  const at::Tensor z =
      between(source_.z[block].select(1, sender.head), base_.z[block].select(1, sender.head));
  return at::matmul(z, w_o.to(at::kDouble)).mul(model_.spec().residual_scale);
}

std::vector<std::int64_t> changed_positions(const at::Tensor& difference) {
  const at::Tensor changed = difference.ne(0).any(-1);
  std::vector<std::int64_t> positions;
  for (std::int64_t t = 0; t < changed.size(0); ++t)
    if (changed[t].item<bool>()) positions.push_back(t);
  return positions;
}

/// Rounded once to the type of the model, as its own addition would.
at::Tensor plus(const at::Tensor& base, const at::Tensor& difference) {
  return base.to(at::kDouble).add(difference).to(base.scalar_type());
}

/// Difference that a sender adds to the stream, at the place of its output.
Injection injection_of(const TransformerSpec& spec, const Sender& sender,
                       const at::Tensor& difference) {
  Injection injection;
  if (sender.kind == Sender::Kind::embed) {
    injection.embed = difference;
    return injection;
  }
  auto& outputs = sender.kind == Sender::Kind::mlp ? injection.mlp : injection.attn;
  outputs.resize(static_cast<std::size_t>(spec.n_layers));
  outputs[static_cast<std::size_t>(sender.block)] = difference;
  return injection;
}

/// Attention outputs are fixed to those of the base run, MLPs read the changed stream. All senders
/// of a group are rows of one forward.
std::vector<RunState> run_mlps(const RunPair& pair, const std::vector<Injection>& injections) {
  const RunState& base = pair.base();
  const auto count = static_cast<std::int64_t>(injections.size());
  const std::int64_t length = pair.tokens().size();
  std::vector<RunState> runs(injections.size());
  std::vector<at::Tensor> changed;
  for (std::size_t i = 0; i < injections.size(); ++i) {
    runs[i].resid.resize(base.resid.size());
    runs[i].mlp_in.resize(base.mlp_in.size());
    changed.push_back(changes(injections[i], length));
  }
  // Positions without a change take the base run's values, since other batch shapes may round
  // differently.
  const auto row_of = [&](const at::Tensor& x, std::size_t i, const at::Tensor& of_base) {
    return at::where(changed[i], x[static_cast<std::int64_t>(i)], of_base);
  };
  Hooks hooks;
  hooks.replace("blocks.0.hook_resid_pre", [&](const at::Tensor& x, const HookPoint&) {
    return add_rows(x, count, [&](std::size_t i) { return injections[i].embed; });
  });
  hooks.replace("blocks.*.hook_attn_out", [&](const at::Tensor& x, const HookPoint& point) {
    const std::size_t block = index_of(point);
    return add_rows(base.attn_out[block].expand_as(x), count,
                    [&](std::size_t i) { return of_block(injections[i].attn, block); });
  });
  hooks.replace("blocks.*.hook_mlp_out", [&](const at::Tensor& x, const HookPoint& point) {
    return add_rows(x, count,
                    [&](std::size_t i) { return of_block(injections[i].mlp, index_of(point)); });
  });
  hooks.read("blocks.*.hook_resid_pre", [&](const at::Tensor& x, const HookPoint& point) {
    const std::size_t block = index_of(point);
    for (std::size_t i = 0; i < runs.size(); ++i)
      runs[i].resid[block] = row_of(x, i, base.resid[block]);
  });
  hooks.read("blocks.*.hook_mlp_in", [&](const at::Tensor& x, const HookPoint& point) {
    const std::size_t block = index_of(point);
    for (std::size_t i = 0; i < runs.size(); ++i)
      runs[i].mlp_in[block] = row_of(x, i, base.mlp_in[block]);
  });
  const at::Tensor ids = make_batch(pair.tokens()).ids.expand({count, -1});
  const at::Tensor last = pair.model().forward({ids, {}}, blocks_only(), hooks).residual;
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].last = row_of(last, i, base.last);
  return runs;
}

}  // namespace lensbench::paths
