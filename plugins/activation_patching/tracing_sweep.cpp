#include "tracing_sweep.hpp"

#include <lensbench/error.hpp>
#include <lensbench/sweep_receipts.hpp>

namespace lensbench::tracing {
namespace {

/// Hook point of a kind, without the block. `state` is the stream that the next block reads.
std::string hook_of(const TransformerSpec& spec, const std::string& kind) {
  if (kind == "attn") return "hook_attn_out";
  if (kind == "mlp") return "hook_mlp_out";
  if (kind == "state") return residual_hook(spec, 1).substr(std::string("blocks.0.").size());
  throw UsageError("causal_tracing: unknown kind '" + kind + "'; give state, attn or mlp");
}

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// One forward of the clean prompt for all restorations.
CleanRun read_clean(const Model& model, const Tokens& tokens,
                    const std::vector<std::string>& restored) {
  CleanRun run;
  Hooks hooks;
  const auto read = [&](const std::string& name) {
    hooks.read(name, [&](const at::Tensor& x, const HookPoint& point) { run[point.name] = x[0]; });
  };
  for (const std::string& hook : restored) read("blocks.*." + hook);
  // For the cell that restores the whole stream at the middle block.
  read(in_block(model.spec().n_layers / 2, "hook_resid_pre"));
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  model.forward(make_batch(tokens), options, hooks);
  return run;
}

/// Options of the sweep; progress counts restorations over all bases.
SweepOptions sweep_options(Context& context, std::int64_t position, const std::vector<Hooks>& bases,
                           std::int64_t most_cells, std::int64_t cells) {
  SweepOptions options;
  options.metric_position = position;
  options.most_cells = most_cells;
  options.bases = bases;
  const std::int64_t total = cells * static_cast<std::int64_t>(bases.size());
  options.progress = [&context, total](std::int64_t done) {
    context.progress(done, total);
    if (context.cancelled()) throw RunError("causal_tracing: the run was interrupted");
  };
  return options;
}

}  // namespace

std::vector<std::string> restored_hooks(const TransformerSpec& spec,
                                        const std::vector<std::string>& kinds) {
  std::vector<std::string> hooks;
  hooks.reserve(kinds.size());
  for (const std::string& kind : kinds) hooks.push_back(hook_of(spec, kind));
  return hooks;
}

std::vector<SweepCell> restorations(const TransformerSpec& spec, std::int64_t length,
                                    const CausalTracingOptions& options, const CleanRun& clean) {
  std::vector<SweepCell> cells;
  for (const std::string& kind : options.kinds)
    for (std::int64_t block = 0; block < spec.n_layers; ++block)
      for (std::int64_t token = 0; token < length; ++token) {
        SweepCell cell;
        // The stream after one block holds everything before it, so a window of streams would be
        // its last one.
        const std::int64_t window = kind == "state" ? 1 : options.window;
        for (const std::int64_t l : window_blocks(block, window, spec.n_layers)) {
          CellWrite write{hook_of(spec, kind), l, {token}, {}, {}};
          if (!clean.empty()) write.values = clean.at(in_block(l, write.point)).narrow(0, token, 1);
          cell.writes.push_back(std::move(write));
        }
        cells.push_back(std::move(cell));
      }
  return cells;
}

Trace run_trace(Context& context, const MetricReader& reader, const Tokens& clean,
                const at::Tensor& clean_stream, const Tokens& base, const std::vector<Hooks>& bases,
                const CausalTracingOptions& options) {
  const Model& model = context.model();
  const TransformerSpec& spec = model.spec();
  const std::vector<std::string> hooks = restored_hooks(spec, options.kinds);
  const CleanRun run = read_clean(model, clean, hooks);
  std::vector<SweepCell> cells = restorations(spec, base.size(), options, run);
  const auto count = static_cast<std::int64_t>(cells.size());
  // One more cell restores the stream at all positions and must give the clean metric.
  const std::int64_t middle = spec.n_layers / 2;
  cells.push_back(
      {{{"hook_resid_pre", middle, {}, {}, run.at(in_block(middle, "hook_resid_pre"))}}});
  const SweepOptions sweep =
      sweep_options(context, reader.position(), bases, options.most_cells, count + 1);
  const RowMetrics metrics = reader.rows();
  const SweepResult result = sweep_cells(model, base, cells, metrics, sweep);

  Trace trace;
  const at::Tensor row = clean_stream.narrow(0, reader.position(), 1);
  const at::Tensor source = reader(row);  // [1, metric]
  trace.clean_probability = source[0][0].item<double>();
  trace.predicted =
      model.unembed(model.final_norm(row)).argmax(-1).item<std::int64_t>() == reader.target();
  trace.corrupted = result.base_metrics;
  // The cells are in the order kind, block, token.
  trace.restored = result.metrics.narrow(1, 0, count)
                       .reshape({static_cast<std::int64_t>(bases.size()),
                                 static_cast<std::int64_t>(options.kinds.size()), spec.n_layers,
                                 base.size(), 2});
  const SweepCheck check{model, base, cells, metrics, sweep, result};
  trace.receipts = {self_replacement(check, hooks), some_write_has_effect(check, count),
                    batched_equals_single(check),
                    restores_source(check, result.metrics.select(1, count), source)};
  return trace;
}

}  // namespace lensbench::tracing
