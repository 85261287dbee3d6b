#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/sweep.hpp>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "model/hooks/hook_points.hpp"
#include "model/sweep/cell_writes.hpp"
#include "model/sweep/sweep_plan.hpp"

namespace lensbench {
namespace {

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("sweep_cells: " + fault);
}

/// Metrics of residual rows, [row, metric] float64 on the CPU.
at::Tensor metrics_of(const RowMetrics& metrics, const at::Tensor& rows) {
  at::Tensor values = metrics(rows);
  if (values.defined() && values.dim() == 1) values = values.unsqueeze(1);
  if (!values.defined() || values.dim() != 2 || values.size(0) != rows.size(0))
    refuse("the metric returned " + std::to_string(values.defined() ? values.numel() : 0) +
           " numbers for " + std::to_string(rows.size(0)) + " cells");
  return values.to(at::kDouble).to(at::kCPU);
}

/// Cells restart from stored streams, so a base run may differ from the plain run only before the
/// first block.
void check_bases(const TransformerSpec& spec, const SweepOptions& options) {
  if (options.bases.empty()) refuse("there are 0 base runs; give at least one");
  for (const Hooks& hooks : options.bases)
    for (const Hooks::Entry& entry : hooks.entries())
      for (const HookPoint& point : match_hook_points(spec, entry.glob))
        if ((point.layer >= 0 && !is_of_tower(point.name)) || point.name == "unembed.hook_in" ||
            point.name == "unembed.hook_out" || point.name.starts_with("ln_final"))
          refuse("a base run has a hook on '" + point.name +
                 "', but cells restart inside the blocks and would lose it; hook the embedding "
                 "instead");
}

/// Writes at each hook point, with the index of the cell or row that they change.
using WritesAt = std::map<std::string, std::vector<std::pair<const ResolvedWrite*, std::int64_t>>>;

/// One base run, and the cells that change it.
/// Restarting saves work in two ways: blocks before a cell's first one are not run, and, in a
/// causal model, positions before its first one are read from the cache of the base run.
class BaseSweep {
 public:
  BaseSweep(const Model& model, const TokenBatch& tokens, const std::vector<ResolvedCell>& cells,
            const RowMetrics& metrics, std::int64_t metric_position)
      : model_(model),
        spec_(model.spec()),
        tokens_(tokens),
        cells_(cells),
        metrics_(metrics),
        metric_position_(metric_position) {}

  /// \return [metric]
  at::Tensor run_base(Hooks hooks) {
    keep_streams(hooks);
    WritesAt writes;
    for (const ResolvedCell& cell : cells_)
      for (const ResolvedWrite& write : cell.writes)
        writes[write.hook()].emplace_back(&write, cell.index);
    for (const auto& [hook, all] : writes)
      hooks.read(hook, [this, &all = all](const at::Tensor& x, const HookPoint&) {
        // Cells without effect are found while the base run passes, without storing its
        // activations.
        for (const auto& [write, cell] : all) {
          check_values(*write, x[0]);
          if (!changing_.contains(cell) && !has_values(*write, x[0])) changing_.insert(cell);
        }
      });
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    // A bidirectional model cannot reuse keys and values, since they depend on later positions.
    if (spec_.attention.causal) options.cache = &cache_;
    const at::Tensor residual = model_.forward(tokens_, options, hooks).residual;
    return metrics_of(metrics_, residual.select(1, metric_position_))[0];
  }

  /// Cells that have an effect on their own activation.
  std::vector<ResolvedCell> changing() const {
    std::vector<ResolvedCell> result;
    for (const ResolvedCell& cell : cells_)
      if (changing_.contains(cell.index)) result.push_back(cell);
    return result;
  }

  /// Runs cells as one batch. Rows up to a cell's first block equal the base run, so each cell
  /// joins the batch only there, and all run from there to the end together. \return [cell, metric]
  at::Tensor run(const CellBatch& batch) const {
    const std::int64_t first = batch.front()->first_position;
    const std::int64_t columns = columns_from(spec_, tokens_.length(), metric_position_, first);
    at::Tensor rows;
    std::size_t joined = 0;
    for (std::int64_t block = batch.front()->first_block; block < spec_.n_layers; ++block) {
      // Cells are ordered by first block, so those that join are a contiguous part of the batch.
      const std::size_t before = joined;
      while (joined < batch.size() && batch[joined]->first_block == block) ++joined;
      if (joined > before) {
        const at::Tensor stream = streams_.at(block).narrow(1, first, columns);
        // Expanded views of one stream; the concatenation makes the copies that hooks then change.
        const at::Tensor entering =
            stream.expand({static_cast<std::int64_t>(joined - before), -1, -1});
        rows = rows.defined() ? at::cat({rows, entering}) : entering.contiguous();
      }
      rows = run_block(block, rows, {batch.data(), joined}, first);
    }
    return metrics_of(metrics_, rows.select(1, metric_position_ - first));
  }

 private:
  using Rows = std::span<const ResolvedCell* const>;

  /// Keeps the streams of the blocks in which a cell starts, as the block before leaves them: a
  /// forward that starts there applies the interventions on the block's hook_resid_pre itself. The
  /// stream of block 0 can only be read after these.
  void keep_streams(Hooks& hooks) {
    std::set<std::int64_t> starts;
    for (const ResolvedCell& cell : cells_) starts.insert(cell.first_block);
    for (const std::int64_t block : starts)
      hooks.read(residual_hook(spec_, block),
                 [this, block](const at::Tensor& x, const HookPoint&) { streams_[block] = x; });
  }

  /// One block of the rows that have joined so far. Writes go to the row of their cell.
  at::Tensor run_block(std::int64_t block, const at::Tensor& rows, Rows cells,
                       std::int64_t first) const {
    ForwardOptions options;
    options.start_at_layer = block;
    options.stop_at_layer = block + 1;
    options.residual = rows;
    // Negative positions and rotary scaling refer to the whole prompt.
    options.prompt_length = tokens_.length();
    if (first > 0) {
      options.prefix = &cache_;
      options.prefix_columns = first;
    }
    TokenBatch tokens{tokens_.ids.narrow(1, first, rows.size(1)).expand({rows.size(0), -1}), {}};
    // Pictures give their tokens rotary positions; the tower does not run, as the stream is given.
    if (first == 0 && !tokens_.pictures.empty())
      tokens.pictures.assign(static_cast<std::size_t>(rows.size(0)), tokens_.pictures.front());
    WritesAt writes;
    for (std::size_t row = 0; row < cells.size(); ++row)
      for (const ResolvedWrite& write : cells[row]->writes)
        if (write.block == block)
          writes[write.hook()].emplace_back(&write, static_cast<std::int64_t>(row));
    Hooks hooks;
    // The kept stream has the interventions on this point already, which must not act again.
    if (block == 0)
      hooks.replace(residual_hook(spec_, 0),
                    [&rows](const at::Tensor&, const HookPoint&) { return rows; });
    for (const auto& [hook, all] : writes)
      hooks.replace(hook, [&all = all, first](const at::Tensor& x, const HookPoint&) {
        at::Tensor changed = x.clone();
        for (const auto& [write, row] : all) write_values(*write, changed[row], first);
        return changed;
      });
    return model_.forward(tokens, options, hooks).residual;
  }

  const Model& model_;
  const TransformerSpec& spec_;
  const TokenBatch& tokens_;
  const std::vector<ResolvedCell>& cells_;
  const RowMetrics& metrics_;
  std::int64_t metric_position_;
  KeyValueCache cache_;                         ///< keys and values of the base run
  std::map<std::int64_t, at::Tensor> streams_;  ///< stream that enters a block, where cells start
  std::set<std::int64_t> changing_;             ///< indices of cells that change something
};

/// Cells that begin before the end of a picture start at the first position: tokens that continue a
/// sequence do not have pictures.
void start_before_pictures(std::vector<ResolvedCell>& cells, const TransformerSpec& spec,
                           const Tokens& base, std::int64_t metric_position) {
  if (base.pictures.empty() || !spec.vision) return;
  const auto last = std::find_if(base.ids.rbegin(), base.ids.rend(), [&](std::int64_t id) {
    return id == spec.vision->image_token_id || id == spec.vision->video_token_id;
  });
  const std::int64_t end = base.ids.rend() - last;
  // Cells after the position of the metric stay there, where they are left out.
  for (ResolvedCell& cell : cells)
    if (cell.first_position < end && cell.first_position <= metric_position)
      cell.first_position = 0;
}

/// Position whose stream the metrics read, counted from the start.
std::int64_t position_of_metrics(std::int64_t length, const SweepOptions& options) {
  return checked_indices("sweep_cells", "metric position", {options.metric_position}, length, true)
      .front();
}

}  // namespace

SweepResult sweep_cells(const Model& model, const Tokens& base, const std::vector<SweepCell>& cells,
                        const RowMetrics& metrics, const SweepOptions& options) {
  const at::NoGradGuard no_gradients;
  const TransformerSpec& spec = model.spec();
  check_bases(spec, options);
  const TokenBatch tokens = make_batch(base);
  const std::int64_t position = position_of_metrics(tokens.length(), options);
  std::vector<ResolvedCell> resolved = resolve_cells(spec, tokens.length(), cells);
  start_before_pictures(resolved, spec, base, position);
  const auto element = static_cast<std::int64_t>(at::elementSize(model.options().dtype));
  // A sweep that needs too much memory is refused before its first forward, not after hours.
  check_memory(cost_of(spec, tokens.length(), position, resolved, options, element),
               tokens.length(), options);
  const auto count = static_cast<std::int64_t>(cells.size());
  SweepResult result;
  std::vector<at::Tensor> all, bases;
  for (std::size_t i = 0; i < options.bases.size(); ++i) {
    BaseSweep sweep(model, tokens, resolved, metrics, position);
    bases.push_back(sweep.run_base(options.bases[i]));
    // Cells that are not run keep the metrics of the base run.
    all.push_back(bases.back().expand({count, -1}).clone());
    const std::vector<ResolvedCell> changing = sweep.changing();
    std::int64_t done =
        (static_cast<std::int64_t>(i) + 1) * count - static_cast<std::int64_t>(changing.size());
    for (const CellBatch& batch : batches_of(spec, tokens.length(), position, changing, options)) {
      const at::Tensor values = sweep.run(batch);
      // Batches are sorted for speed; `index` restores the order of the caller.
      for (std::size_t row = 0; row < batch.size(); ++row)
        all.back()[batch[row]->index].copy_(values[static_cast<std::int64_t>(row)]);
      result.run += static_cast<std::int64_t>(batch.size());
      result.position_blocks += position_blocks(
          spec, batch,
          columns_from(spec, tokens.length(), position, batch.front()->first_position));
      done += static_cast<std::int64_t>(batch.size());
      if (options.progress) options.progress(done);
    }
  }
  result.metrics = at::stack(all);
  result.base_metrics = at::stack(bases);
  return result;
}

/// Whole forward without cache or restart: the definition that the fast path is tested against.
at::Tensor run_cell_alone(const Model& model, const Tokens& base, const SweepCell& cell,
                          const RowMetrics& metrics, const SweepOptions& options) {
  const at::NoGradGuard no_gradients;
  check_bases(model.spec(), options);
  const TokenBatch tokens = make_batch(base);
  const std::int64_t position = position_of_metrics(tokens.length(), options);
  const ResolvedCell resolved = resolve_cells(model.spec(), tokens.length(), {cell}).front();
  ForwardOptions forward;
  forward.logits = ForwardOptions::Logits::none;
  std::vector<at::Tensor> results;
  for (Hooks hooks : options.bases) {
    for (const ResolvedWrite& write : resolved.writes)
      hooks.replace(write.hook(), [&write](const at::Tensor& x, const HookPoint&) {
        check_values(write, x[0]);
        at::Tensor changed = x.clone();
        write_values(write, changed[0], 0);
        return changed;
      });
    const at::Tensor residual = model.forward(tokens, forward, hooks).residual;
    results.push_back(metrics_of(metrics, residual.select(1, position))[0]);
  }
  return at::stack(results);
}

SweepCost sweep_cost(const TransformerSpec& spec, std::int64_t length,
                     const std::vector<SweepCell>& cells, const SweepOptions& options) {
  if (length < 1) refuse("the prompt has 0 tokens; give at least one");
  // Without a model the element size is unknown; float32 is the largest that models have.
  return cost_of(spec, length, position_of_metrics(length, options),
                 resolve_cells(spec, length, cells), options, sizeof(float));
}

}  // namespace lensbench
