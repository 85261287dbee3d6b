#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/patching.hpp>
#include <map>
#include <numeric>
#include <optional>

#include "model/hooks/hook_names.hpp"

namespace lensbench {
namespace {

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("patch_sweep: " + fault);
}

/// Hook point of each block, named without `blocks.{layer}.`, and its axes.
struct PatchedHook {
  std::string name;
  std::int64_t position_axis = -1, head_axis = -1, n_heads = 0;

  std::string in(std::int64_t layer) const {
    return "blocks." + std::to_string(layer) + "." + name;
  }
};

PatchedHook find_hook(const TransformerSpec& spec, const PatchSweepOptions& options) {
  std::string glob = options.hook;
  if (glob.starts_with("hook_") || glob.find('.') != std::string::npos)
    glob = "blocks.0." + glob;
  else if (unabbreviated(glob))
    glob += "0";
  const auto points = match_hook_points(spec, glob);
  if (points.size() != 1 || points.front().layer != 0)
    refuse("'" + options.hook +
           "' must name one hook point of a block, for instance hook_resid_pre");
  PatchedHook hook;
  hook.name = points.front().name.substr(std::string("blocks.0.").size());
  const auto& dims = points.front().dims;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const auto index = static_cast<std::int64_t>(axis);
    if (dims[axis] == "pos" || dims[axis] == "query_pos") hook.position_axis = index;
    if (dims[axis] == "head") hook.head_axis = index, hook.n_heads = spec.attention.n_heads;
    if (dims[axis] == "kv_head")
      hook.head_axis = index, hook.n_heads = spec.attention.n_key_value_heads;
  }
  if (hook.position_axis < 0) refuse("'" + hook.name + "' lacks a position axis");
  if (options.heads && hook.head_axis < 0) refuse("'" + hook.name + "' lacks a head axis");
  return hook;
}

std::vector<std::int64_t> checked(const char* name, std::vector<std::int64_t> given,
                                  std::int64_t size, bool from_end) {
  if (given.empty()) {
    given.resize(static_cast<std::size_t>(size));
    std::iota(given.begin(), given.end(), 0);
  }
  for (std::int64_t& index : given) {
    const std::int64_t real = from_end && index < 0 ? index + size : index;
    if (real < 0 || real >= size)
      refuse(std::string(name) + " " + std::to_string(index) + " does not exist; give 0 to " +
             std::to_string(size - 1));
    index = real;
  }
  return given;
}

struct Cell {
  std::int64_t layer = 0, position = 0;
  std::int64_t head = -1;  ///< -1: all heads
  std::int64_t at = 0;     ///< index in the result of its position
};

class Sweep {
 public:
  Sweep(const Model& model, const Tokens& clean, const Tokens& corrupted, const CellMetric& metric,
        const PatchSweepOptions& options)
      : model_(model),
        spec_(model.spec()),
        metric_(metric),
        options_(options),
        hook_(find_hook(spec_, options)),
        corrupted_tokens_(make_batch(corrupted)) {
    if (clean.size() != corrupted.size())
      refuse("the clean prompt has " + std::to_string(clean.size()) +
             " tokens, the corrupted one " + std::to_string(corrupted.size()) +
             "; the lengths must be equal");
    length_ = corrupted.size();
    result_.layers = checked("layer", options.layers, spec_.n_layers, false);
    result_.positions = checked("position", options.positions, length_, true);
    metric_position_ = checked("metric position", {options.metric_position}, length_, true).front();
    // In a bidirectional model a patch changes earlier positions too, so no cached keys can be
    // reused.
    causal_ = spec_.attention.causal;
    run_clean(clean);
    run_corrupted();
    if (result_.clean_metric == result_.corrupted_metric ||
        !std::isfinite(result_.clean_metric - result_.corrupted_metric))
      refuse("the metric is " + std::to_string(result_.clean_metric) + " on the clean prompt and " +
             std::to_string(result_.corrupted_metric) +
             " on the corrupted one; recovery needs two different finite values");
  }

  PatchSweep run() {
    const std::int64_t heads = options_.heads ? hook_.n_heads : 1;
    const auto layers = static_cast<std::int64_t>(result_.layers.size());
    std::vector<at::Tensor> columns;
    for (const std::int64_t position : result_.positions)
      columns.push_back(column(position, heads).view({layers, heads}));
    result_.metric = at::stack(columns, 1);
    if (!options_.heads) result_.metric = result_.metric.squeeze(2);
    result_.recovery = result_.metric.sub(result_.corrupted_metric)
                           .div(result_.clean_metric - result_.corrupted_metric);
    return std::move(result_);
  }

 private:
  std::string residual_of(std::int64_t layer) const {
    return "blocks." + std::to_string(layer) + ".hook_resid_pre";
  }

  at::Tensor metric_of(const at::Tensor& residual) const {
    const at::Tensor logits = model_.unembed(model_.final_norm(residual));
    const at::Tensor values = metric_(logits);
    if (!values.defined() || values.numel() != logits.size(0))
      refuse("the metric returned " + std::to_string(values.defined() ? values.numel() : 0) +
             " numbers for " + std::to_string(logits.size(0)) + " cells");
    return values.reshape({-1}).to(at::kDouble).to(at::kCPU);
  }

  double metric_of_run(const at::Tensor& residual) const {
    return metric_of(residual.select(1, metric_position_)).item<double>();
  }

  void run_clean(const Tokens& clean) {
    std::vector<std::string> names;
    for (const std::int64_t layer : result_.layers) names.push_back(hook_.in(layer));
    Hooks hooks;
    for (const std::string& name : names)
      hooks.read(name, [&](const at::Tensor& x, const HookPoint&) { clean_[name] = x; });
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    result_.clean_metric =
        metric_of_run(model_.forward(make_batch(clean), options, hooks).residual);
  }

  void run_corrupted() {
    Hooks hooks;
    for (std::int64_t layer = 0; layer < spec_.n_layers; ++layer)
      hooks.read(residual_of(layer),
                 [&](const at::Tensor& x, const HookPoint&) { streams_.push_back(x); });
    for (const std::int64_t layer : result_.layers)
      hooks.read(hook_.in(layer), [&, layer](const at::Tensor& x, const HookPoint&) {
        corrupted_[hook_.in(layer)] = x;
      });
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    if (causal_) options.cache = &cache_;
    corrupted_residual_ = model_.forward(corrupted_tokens_, options, hooks).residual;
    result_.corrupted_metric = metric_of_run(corrupted_residual_);
  }

  /// Metrics of all cells of one position, ordered by layer, then head.
  at::Tensor column(std::int64_t position, std::int64_t heads) {
    std::vector<Cell> cells;
    for (std::size_t i = 0; i < result_.layers.size(); ++i)
      for (std::int64_t head = 0; head < heads; ++head)
        cells.push_back({result_.layers[i], position, options_.heads ? head : -1,
                         static_cast<std::int64_t>(cells.size())});
    at::Tensor values =
        at::full({static_cast<std::int64_t>(cells.size())}, result_.corrupted_metric, at::kDouble);
    // Positions after the metric's position do not affect it.
    if (causal_ && position > metric_position_) return values;
    // A patch equal to the corrupted activation has no effect: before the first token that differs,
    // and in the embedding wherever the tokens are equal.
    std::erase_if(cells, [&](const Cell& cell) { return changes_nothing(cell); });
    std::stable_sort(cells.begin(), cells.end(),
                     [](const Cell& a, const Cell& b) { return a.layer < b.layer; });
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, options_.most_cells));
    for (std::size_t begin = 0; begin < cells.size(); begin += most)
      run_cells({cells.begin() + static_cast<std::ptrdiff_t>(begin),
                 cells.begin() + static_cast<std::ptrdiff_t>(std::min(begin + most, cells.size()))},
                position, values);
    return values;
  }

  /// Runs cells as one batch. Rows up to a cell's layer equal the corrupted run, so each cell joins
  /// the batch only at its own layer, and all run from there to the end together.
  void run_cells(const std::vector<Cell>& cells, std::int64_t position, at::Tensor& values) {
    const std::int64_t first = causal_ ? position : 0;
    // Columns after the metric's position are never read, but rotary scaling may count them.
    const bool whole = !causal_ || spec_.rope.has_value();
    const std::int64_t columns = (whole ? length_ : metric_position_ + 1) - first;
    at::Tensor batch;
    std::size_t joined = 0;
    for (std::int64_t layer = cells.front().layer; layer < spec_.n_layers; ++layer) {
      std::vector<Cell> entering;
      for (; joined < cells.size() && cells[joined].layer == layer; ++joined)
        entering.push_back(cells[joined]);
      if (!entering.empty()) {
        const at::Tensor stream =
            streams_[static_cast<std::size_t>(layer)].narrow(1, first, columns);
        const at::Tensor rows = stream.expand({static_cast<std::int64_t>(entering.size()), -1, -1});
        batch = batch.defined() ? at::cat({batch, rows}) : rows.contiguous();
      }
      batch = block(layer, batch, entering, first);
    }
    const at::Tensor metrics = metric_of(batch.select(1, metric_position_ - first));
    for (std::size_t i = 0; i < cells.size(); ++i)
      values[cells[i].at] = metrics[static_cast<std::int64_t>(i)];
  }

  at::Tensor block(std::int64_t layer, const at::Tensor& batch, const std::vector<Cell>& entering,
                   std::int64_t first) {
    ForwardOptions options;
    options.start_at_layer = layer;
    options.stop_at_layer = layer + 1;
    options.residual = batch;
    options.prompt_length = length_;
    if (first > 0) {
      options.prefix = &cache_;
      options.prefix_columns = first;
    }
    const TokenBatch tokens{
        corrupted_tokens_.ids.narrow(1, first, batch.size(1)).expand({batch.size(0), -1}), {}};
    Hooks hooks;
    if (!entering.empty())
      hooks.replace(hook_.in(layer), [&](const at::Tensor& x, const HookPoint&) {
        return patched(x, entering, first);
      });
    return model_.forward(tokens, options, hooks).residual;
  }

  /// Part that a cell replaces of an activation of one sequence, without batch axis.
  /// \param first  position of its first row
  at::Tensor part(const at::Tensor& x, const Cell& cell, std::int64_t first) const {
    const std::int64_t axis = hook_.position_axis - 1;
    const at::Tensor at_position = x.select(axis, cell.position - first);
    if (cell.head < 0) return at_position;
    const std::int64_t head_axis = hook_.head_axis - 1;
    return at_position.select(head_axis > axis ? head_axis - 1 : head_axis, cell.head);
  }

  bool changes_nothing(const Cell& cell) const {
    const std::string name = hook_.in(cell.layer);
    return part(clean_.at(name)[0], cell, 0).equal(part(corrupted_.at(name)[0], cell, 0));
  }

  /// Patches the last rows of the batch, which are the cells that enter at this block.
  at::Tensor patched(const at::Tensor& x, const std::vector<Cell>& entering,
                     std::int64_t first) const {
    at::Tensor result = x.clone();
    const std::int64_t rows_before = x.size(0) - static_cast<std::int64_t>(entering.size());
    for (std::size_t i = 0; i < entering.size(); ++i) {
      const Cell& cell = entering[i];
      at::Tensor to = part(result[rows_before + static_cast<std::int64_t>(i)], cell, first);
      at::Tensor from = part(clean_.at(hook_.in(cell.layer))[0], cell, 0);
      // The batch may lack keys after the metric's position.
      if (from.size(-1) > to.size(-1)) from = from.narrow(-1, 0, to.size(-1));
      to.copy_(from);
    }
    return result;
  }

  const Model& model_;
  const TransformerSpec& spec_;
  const CellMetric& metric_;
  const PatchSweepOptions& options_;
  PatchedHook hook_;
  TokenBatch corrupted_tokens_;
  std::int64_t length_ = 0, metric_position_ = 0;
  bool causal_ = true;
  KeyValueCache cache_;  ///< keys and values of the corrupted run
  std::vector<at::Tensor>
      streams_;  ///< residual stream that enters each block of the corrupted run
  at::Tensor corrupted_residual_;
  std::map<std::string, at::Tensor> clean_, corrupted_;  ///< activations of the hook
  PatchSweep result_;
};

}  // namespace

CellMetric logit_difference(std::int64_t token, std::int64_t versus) {
  return [token, versus](const at::Tensor& logits) {
    for (const std::int64_t id : {token, versus})
      if (id < 0 || id >= logits.size(1))
        throw UsageError("logit_difference: token id " + std::to_string(id) +
                         " is outside the vocabulary of " + std::to_string(logits.size(1)) +
                         " tokens");
    return logits.select(1, token).sub(logits.select(1, versus));
  };
}

PatchSweep patch_sweep(const Model& model, const Tokens& clean, const Tokens& corrupted,
                       const CellMetric& metric, const PatchSweepOptions& options) {
  const at::NoGradGuard no_gradients;
  return Sweep(model, clean, corrupted, metric, options).run();
}

}  // namespace lensbench
