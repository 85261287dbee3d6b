#include "recall.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/sweep_receipts.hpp>
#include <map>

#include "common/noise.hpp"
#include "common/window.hpp"

namespace lensbench::facts {
namespace {

using CleanRun = std::map<std::string, at::Tensor>;

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// Hook point of a kind without the block. `state` is the stream that the next block reads.
std::string restored_hook(const TransformerSpec& spec, const std::string& kind) {
  if (kind == "mlp") return "hook_mlp_out";
  return residual_hook(spec, 1).substr(std::string("blocks.0.").size());
}

std::vector<std::string> restored_hooks(const TransformerSpec& spec) {
  std::vector<std::string> hooks;
  hooks.reserve(kKinds.size());
  for (const std::string& kind : kKinds) hooks.push_back(restored_hook(spec, kind));
  return hooks;
}

/// Cells of both kinds and all blocks. \param clean  empty for costs
std::vector<SweepCell> cells_of(const TransformerSpec& spec, std::int64_t position,
                                std::int64_t window, const CleanRun& clean) {
  std::vector<SweepCell> cells;
  for (const std::string& kind : kKinds)
    for (std::int64_t block = 0; block < spec.n_layers; ++block) {
      SweepCell cell;
      // The stream after one block holds everything before it.
      const std::int64_t around = kind == "state" ? 1 : window;
      for (const std::int64_t l : tracing::window_blocks(block, around, spec.n_layers)) {
        CellWrite write{restored_hook(spec, kind), l, {position}, {}, {}};
        if (!clean.empty())
          write.values = clean.at(in_block(l, write.point)).narrow(0, position, 1);
        cell.writes.push_back(std::move(write));
      }
      cells.push_back(std::move(cell));
    }
  return cells;
}

/// One forward of the prompt for all restorations. \param last  receives the last stream
CleanRun read_clean(const Model& model, const Tokens& tokens, at::Tensor& last) {
  CleanRun run;
  Hooks hooks;
  const auto read = [&](const std::string& name) {
    hooks.read(name, [&](const at::Tensor& x, const HookPoint& point) { run[point.name] = x[0]; });
  };
  for (const std::string& hook : restored_hooks(model.spec())) read("blocks.*." + hook);
  // For the cell that restores the whole stream at the middle block.
  read(in_block(model.spec().n_layers / 2, "hook_resid_pre"));
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  last = model.forward(make_batch(tokens), options, hooks).residual[0];
  return run;
}

SweepOptions sweep_options(const FactsOptions& options) {
  SweepOptions sweep;
  sweep.most_cells = options.most_rows;
  return sweep;
}

/// Rows of `hook_embed` at the subject's tokens, [token, d_model].
at::Tensor subject_embeddings(const Model& model, const Prompt& prompt) {
  at::Tensor rows;
  Hooks hooks;
  hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) {
    rows = x[0].index_select(0, at::tensor(prompt.subject, at::kLong).to(x.device()));
  });
  ForwardOptions options;
  options.stop_at_layer = 0;  // only the embedding runs
  model.forward(make_batch(prompt.tokens), options, hooks);
  return rows;
}

/// Runs with the tokens of neutral subjects in the place of the subject's. Aligned at the end: the
/// last token of a subject is the one that the model recalls at.
std::vector<Hooks> neutral_runs(const Model& model, const FactsPlan& plan,
                                const PlannedTemplate& planned, std::int64_t most) {
  const Prompt& prompt = plan.prompts[planned.object.prompt];
  const auto length = std::ssize(prompt.subject);
  std::vector<Hooks> runs;
  for (const Cell& cell : planned.neutral) {
    if (std::ssize(runs) == most) break;
    const at::Tensor rows = subject_embeddings(model, plan.prompts[cell.prompt]);
    Hooks hooks;
    hooks.replace("hook_embed", [&prompt, rows, length](const at::Tensor& x, const HookPoint&) {
      at::Tensor changed = x.clone();
      for (std::ptrdiff_t i = 0; i < length; ++i) {
        const std::int64_t from = std::max<std::int64_t>(0, rows.size(0) - length + i);
        changed.select(1, prompt.subject[static_cast<std::size_t>(i)]).copy_(rows[from]);
      }
      return changed;
    });
    runs.push_back(std::move(hooks));
  }
  return runs;
}

/// Largest mean effect of each kind. \param effects  [kind, block]
void add_peaks(Recall& recall, const at::Tensor& effects) {
  for (std::int64_t kind = 0; kind < effects.size(0); ++kind) {
    std::int64_t best = 0;
    const auto effect = [&](std::int64_t block) { return effects[kind][block].item<double>(); };
    for (std::int64_t block = 1; block < effects.size(1); ++block)
      if (effect(block) > effect(best)) best = block;
    recall.peak_block.push_back(best);
    recall.peak_effect.push_back(effect(best));
  }
}

/// Noise of the same size on as many tokens that are not of the subject.
std::vector<Hooks> control_runs(const Context& context, const Prompt& prompt,
                                const FactsOptions& options, double nu) {
  if (options.corruption != "noise") return {};
  return tracing::control_noise(prompt.subject, prompt.tokens.size(), options.samples,
                                context.model().spec().d_model, nu, context.seed());
}

}  // namespace

double vocabulary_deviation(const Model& model) {
  return tracing::embedding_deviation(model, {}, {}, "vocabulary");
}

Recall trace_recall(Context& context, const FactsPlan& plan, const PlannedTemplate& planned,
                    const FactsOptions& options, double nu) {
  const Prompt& prompt = plan.prompts[planned.object.prompt];
  const std::int64_t object = prompt.continuations[planned.object.continuation].ids.front();
  const Model& model = context.model();
  const TransformerSpec& spec = model.spec();
  const std::int64_t position = prompt.subject.back(), middle = spec.n_layers / 2;
  at::Tensor last;
  const CleanRun clean = read_clean(model, prompt.tokens, last);
  const MetricReader reader("facts", model, prompt.tokens, last, Target::token(object),
                            {.metric = Metric::probability});
  std::vector<SweepCell> cells = cells_of(spec, position, options.window, clean);
  const auto count = static_cast<std::int64_t>(cells.size());
  // One more cell restores the stream at all positions and must give the clean metric.
  cells.push_back(
      {{{"hook_resid_pre", middle, {}, {}, clean.at(in_block(middle, "hook_resid_pre"))}}});
  SweepOptions sweep = sweep_options(options);
  sweep.bases = options.corruption == "noise" ? tracing::noise_on(prompt.subject, options.samples,
                                                                  spec.d_model, nu, context.seed())
                                              : neutral_runs(model, plan, planned, options.samples);
  sweep.progress = [&context](std::int64_t) {
    if (context.cancelled()) throw RunError("facts: the run was interrupted");
  };
  const RowMetrics metrics = [&reader](const at::Tensor& rows) {
    return reader(rows).unsqueeze(1);
  };
  const SweepResult result = sweep_cells(model, prompt.tokens, cells, metrics, sweep);

  Recall recall;
  const at::Tensor source = metrics(last.narrow(0, reader.position(), 1));
  const at::Tensor corrupted = result.base_metrics;  // [sample, 1]
  recall.total_effect = (source - corrupted).mean().item<double>();
  if (const auto control = control_runs(context, prompt, options, nu); !control.empty())
    recall.control_total_effect =
        source.item<double>() - tracing::mean_metric(model, reader, prompt.tokens, control);
  const at::Tensor effects = (result.metrics.narrow(1, 0, count) - corrupted.unsqueeze(1)).mean(0);
  add_peaks(recall, effects.view({std::ssize(kKinds), spec.n_layers}));
  const SweepCheck check{model, prompt.tokens, cells, metrics, sweep, result};
  recall.receipts = {self_replacement(check, restored_hooks(spec)),
                     some_write_has_effect(check, count), batched_equals_single(check),
                     restores_source(check, result.metrics.select(1, count), source)};
  return recall;
}

SweepCost trace_cost(const TransformerSpec& spec, const FactsPlan& plan,
                     const PlannedTemplate& planned, const FactsOptions& options) {
  const Prompt& prompt = plan.prompts[planned.object.prompt];
  SweepOptions sweep = sweep_options(options);
  const auto neutral = static_cast<std::int64_t>(planned.neutral.size());
  sweep.bases.resize(static_cast<std::size_t>(
      options.corruption == "noise" ? options.samples : std::min(options.samples, neutral)));
  return sweep_cost(spec, prompt.tokens.size(),
                    cells_of(spec, prompt.subject.back(), options.window, {}), sweep);
}

std::int64_t settled_layer(const std::vector<std::int64_t>& lens_top, std::int64_t token) {
  auto layer = std::ssize(lens_top);
  while (layer > 0 && lens_top[static_cast<std::size_t>(layer - 1)] == token) --layer;
  return layer == std::ssize(lens_top) ? -1 : layer;
}

}  // namespace lensbench::facts
