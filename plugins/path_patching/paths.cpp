#include "paths.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <limits>
#include <map>
#include <optional>

namespace lensbench::paths {
namespace {

/// Bound of the copies of the stream that one forward makes for the heads of a block.
constexpr std::int64_t kHeadCopies = std::int64_t{512} << 20;
/// Bound of the streams that a group of senders keeps when MLPs run again.
constexpr std::int64_t kKeptStreams = std::int64_t{256} << 20;

/// The receiver `logits` reads the last stream, at the output of the last block.
SweepCell cell_of(const Receiver& receiver, std::int64_t last_block,
                  std::vector<std::int64_t> positions, const at::Tensor& rows) {
  CellWrite write{receiver.hook(),
                  receiver.block < 0 ? last_block : receiver.block,
                  std::move(positions),
                  {},
                  {}};
  if (receiver.head >= 0) write.heads = {receiver.head};
  // Inputs of heads have an axis of heads.
  if (rows.defined()) write.values = receiver.of_head() ? rows.unsqueeze(1) : rows;
  return {{std::move(write)}};
}

/// Lists of positions that the paths of one (sender, receiver) replace, one list a cell.
std::vector<std::vector<std::int64_t>> cell_positions(const std::vector<std::int64_t>& positions,
                                                      bool by_position) {
  std::vector<std::vector<std::int64_t>> lists;
  if (!by_position && !positions.empty()) lists.push_back(positions);
  if (by_position)
    for (const std::int64_t position : positions) lists.push_back({position});
  return lists;
}

/// Inputs that the paths of one sender give to receivers: the base input plus the sender's
/// difference, or, where MLPs run again, the streams of that run.
class SenderInputs {
 public:
  /// \param run  streams with the MLPs run again; nullptr: they are frozen
  SenderInputs(const RunPair& pair, at::Tensor difference, const RunState* run)
      : pair_(pair), difference_(std::move(difference)), run_(run) {}

  std::vector<std::int64_t> changed() const { return changed_positions(difference_); }

  /// x_r, [position, d_model].
  /// x_r, [position, d_model]. Queries, keys and values of a block read one stream, so it is made
  /// once.
  const at::Tensor& of(const Receiver& receiver) {
    if (run_ != nullptr) return run_->input(receiver);
    at::Tensor& input = inputs_[{receiver.block, receiver.of_head()}];
    if (!input.defined()) input = plus(pair_.base().input(receiver), difference_);
    return input;
  }

 private:
  const RunPair& pair_;
  at::Tensor difference_;
  const RunState* run_;
  std::map<std::pair<std::int64_t, bool>, at::Tensor> inputs_;
};

/// Cells of some senders, and the place of each in the result.
struct Group {
  std::vector<SweepCell> cells;
  std::vector<std::int64_t> places;
};

/// Runs senders in groups: the cells of a group share forwards, and only its streams are in memory.
class PathRunner {
 public:
  explicit PathRunner(const Plan& plan)
      : plan_(plan),
        spec_(plan.pair.model().spec()),
        length_(plan.pair.tokens().size()),
        n_receivers_(static_cast<std::int64_t>(plan.receivers.size())),
        n_cells_(plan.options.by_position ? length_ : 1) {}

  PathSweep run() {
    const auto count = static_cast<std::int64_t>(plan_.senders.size());
    // NaN stays where the receiver is not later than the sender.
    sweep_.metrics = at::full({count * n_receivers_ * n_cells_},
                              std::numeric_limits<double>::quiet_NaN(), at::kDouble);
    sweep_.options.metric_position = plan_.position;
    sweep_.options.most_cells =
        cells_in_forward(spec_, length_, plan_.receivers, plan_.options.most_cells);
    const std::int64_t group = senders_in_group();
    for (std::int64_t first = 0; first < count; first += group) {
      const std::int64_t end = std::min(first + group, count);
      run_group(group_of(first, end));
      plan_.context.progress(end, count);
      if (plan_.context.cancelled()) throw RunError("path_patching: the run was interrupted");
    }
    fill_unchanged();
    std::vector<std::int64_t> shape = {count, n_receivers_};
    if (plan_.options.by_position) shape.push_back(length_);
    sweep_.metrics = sweep_.metrics.reshape(shape);
    return std::move(sweep_);
  }

 private:
  /// Number of senders that fill one forward; fewer if their streams, with MLPs run again, would
  /// need too much memory.
  std::int64_t senders_in_group() const {
    std::int64_t most = std::max<std::int64_t>(
        1, plan_.options.most_cells / std::max<std::int64_t>(1, n_receivers_ * n_cells_));
    if (!plan_.options.recompute_mlps) return most;
    const std::int64_t bytes = (2 * spec_.n_layers + 1) * length_ * spec_.d_model *
                               static_cast<std::int64_t>(sizeof(float));
    return std::clamp<std::int64_t>(kKeptStreams / bytes, 1, most);
  }

  /// Inputs of all receivers of a group, as cells.
  Group group_of(std::int64_t first, std::int64_t end) {
    std::vector<at::Tensor> differences;
    std::vector<Injection> injections;
    for (std::int64_t s = first; s < end; ++s) {
      const Sender& sender = plan_.senders[static_cast<std::size_t>(s)];
      differences.push_back(plan_.pair.difference(sender));
      injections.push_back(injection_of(spec_, sender, differences.back()));
    }
    std::vector<RunState> runs;
    if (plan_.options.recompute_mlps) runs = run_mlps(plan_.pair, injections);
    Group group;
    for (std::int64_t s = first; s < end; ++s) {
      const auto i = static_cast<std::size_t>(s - first);
      SenderInputs inputs(plan_.pair, differences[i], runs.empty() ? nullptr : &runs[i]);
      add_cells(group, s, inputs);
    }
    return group;
  }

  void add_cells(Group& group, std::int64_t s, SenderInputs& inputs) {
    const std::vector<std::int64_t> changed = inputs.changed();
    for (std::int64_t r = 0; r < n_receivers_; ++r) {
      const Receiver& receiver = plan_.receivers[static_cast<std::size_t>(r)];
      if (!is_later(spec_, plan_.senders[static_cast<std::size_t>(s)], receiver)) continue;
      const std::int64_t place = (s * n_receivers_ + r) * n_cells_;
      // Every path counts as one, even if nothing differs along it.
      for (std::int64_t i = 0; i < n_cells_; ++i) paths_.push_back(place + i);
      // Positions where the prompts do not differ need no run.
      const auto positions = path_positions(spec_, changed, receiver, plan_.position);
      for (const auto& list : cell_positions(positions, plan_.options.by_position)) {
        const at::Tensor rows = inputs.of(receiver).index_select(0, at::tensor(list, at::kLong));
        group.cells.push_back(cell_of(receiver, spec_.n_layers - 1, list, rows));
        group.places.push_back(place + (plan_.options.by_position ? list.front() : 0));
      }
    }
  }

  /// The group with the largest effect is kept for the receipts.
  void run_group(Group group) {
    if (group.cells.empty()) return;
    SweepOptions options = sweep_.options;
    options.progress = [this](std::int64_t) {
      if (plan_.context.cancelled()) throw RunError("path_patching: the run was interrupted");
    };
    SweepResult result =
        sweep_cells(plan_.pair.model(), plan_.pair.tokens(), group.cells, plan_.metrics, options);
    base_ = result.base_metrics.item<double>();
    for (std::size_t i = 0; i < group.places.size(); ++i)
      sweep_.metrics[group.places[i]] = result.metrics[0][static_cast<std::int64_t>(i)][0];
    const double effect = result.metrics.sub(*base_).abs().max().item<double>();
    if (effect < largest_) return;
    largest_ = effect;
    sweep_.cells = std::move(group.cells);
    sweep_.result = std::move(result);
  }

  /// Paths along which nothing differs are not run.
  void fill_unchanged() {
    // No path was run, so the base metric was not read yet.
    if (!base_)
      base_ = plan_.metrics(plan_.pair.base().last.narrow(0, plan_.position, 1)).item<double>();
    sweep_.base_metric = *base_;
    for (const std::int64_t place : paths_)
      if (sweep_.metrics[place].isnan().item<bool>()) sweep_.metrics[place] = *base_;
  }

  const Plan& plan_;
  const TransformerSpec& spec_;
  std::int64_t length_, n_receivers_, n_cells_;
  PathSweep sweep_;
  std::vector<std::int64_t> paths_;  ///< places of all paths
  std::optional<double> base_;
  double largest_ = -1.0;
};

/// Cells of one sender without values, for their cost.
std::vector<SweepCell> cells_of(const TransformerSpec& spec, std::int64_t length,
                                const Sender& sender, const std::vector<Receiver>& receivers,
                                const PathPatchingOptions& options, std::int64_t metric_position) {
  std::vector<std::int64_t> all;
  for (std::int64_t position = 0; position < length; ++position) all.push_back(position);
  std::vector<SweepCell> cells;
  for (const Receiver& receiver : receivers) {
    if (!is_later(spec, sender, receiver)) continue;
    const auto positions = path_positions(spec, all, receiver, metric_position);
    for (const auto& list : cell_positions(positions, options.by_position))
      cells.push_back(cell_of(receiver, spec.n_layers - 1, list, {}));
  }
  return cells;
}

}  // namespace

/// Positions at which a change can reach the metric's position.
std::vector<std::int64_t> path_positions(const TransformerSpec& spec,
                                         const std::vector<std::int64_t>& changed,
                                         const Receiver& receiver, std::int64_t metric_position) {
  // After the keys and values of the last block, positions do not mix.
  const bool keys = receiver.kind == Receiver::Kind::k || receiver.kind == Receiver::Kind::v;
  const bool mixed = keys || (receiver.block >= 0 && receiver.block + 1 < spec.n_layers);
  std::vector<std::int64_t> positions;
  for (const std::int64_t position : changed)
    if (mixed ? position <= metric_position : position == metric_position)
      positions.push_back(position);
  return positions;
}

PathSweep sweep_paths(const Plan& plan) {
  return PathRunner(plan).run();
}

SweepCost paths_cost(const TransformerSpec& spec, std::int64_t length,
                     const std::vector<Sender>& senders, const std::vector<Receiver>& receivers,
                     const PathPatchingOptions& options) {
  SweepOptions sweep;
  sweep.metric_position = resolve_position("path_patching", options.metric.position, length);
  sweep.most_cells = cells_in_forward(spec, length, receivers, options.most_cells);
  // A run of MLPs costs as much as a whole changed run.
  const SweepCell whole{{{"hook_resid_pre", 0, {}, {}, {}}}};
  SweepCost total;
  // One sender at a time, as the sweep does: the list of all cells can be large.
  for (const Sender& sender : senders) {
    auto cells = cells_of(spec, length, sender, receivers, options, sweep.metric_position);
    if (options.recompute_mlps) cells.push_back(whole);
    const SweepCost cost = sweep_cost(spec, length, cells, sweep);
    total.cells += cost.cells;
    total.position_blocks += cost.position_blocks;
    total.flops += cost.flops;
    total.bytes = std::max(total.bytes, cost.bytes);
  }
  return total;
}

/// The hooks of single heads copy the stream for each head, which bounds the cells of a forward.
std::int64_t cells_in_forward(const TransformerSpec& spec, std::int64_t length,
                              const std::vector<Receiver>& receivers, std::int64_t most_cells) {
  std::int64_t heads = 0;
  for (const Receiver& receiver : receivers)
    if (receiver.of_head()) heads = spec.attention.n_heads;
  // The copies, the changed copies, their norms and the rows of the product.
  const std::int64_t bytes =
      4 * heads * length * spec.d_model * static_cast<std::int64_t>(sizeof(float));
  return bytes == 0 ? most_cells : std::clamp<std::int64_t>(kHeadCopies / bytes, 1, most_cells);
}

}  // namespace lensbench::paths
