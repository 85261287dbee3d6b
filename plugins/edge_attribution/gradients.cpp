#include "gradients.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <span>
#include <utility>

namespace lensbench::edges {
namespace {

using paths::RunState;

/// Bound of the gradients that are held at once, bytes.
constexpr double kGradientBytes = 512e6;

std::string in_block(std::int64_t block, const char* hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// Shares of the clean value: `midpoint` (k + 1/2) / n, `left` k / n, which begins at the corrupted
/// end and never visits the clean one (EAP-IG, src/eap/attribute.py).
std::vector<double> points_of(const EdgeAttributionOptions& options) {
  if (options.steps < 1)
    throw UsageError("edge_attribution: steps is " + std::to_string(options.steps) +
                     ", expected at least 1");
  if (options.rule != "midpoint" && options.rule != "left")
    throw UsageError("edge_attribution: unknown rule '" + options.rule +
                     "'; give midpoint or left");
  const double shift = options.rule == "midpoint" ? 0.5 : 0.0;
  std::vector<double> points;
  points.reserve(static_cast<std::size_t>(options.steps));
  for (std::int64_t k = 0; k < options.steps; ++k)
    points.push_back((static_cast<double>(k) + shift) / static_cast<double>(options.steps));
  return points;
}

/// Values between those of two runs, [point, position, d_model]. The ends are exact.
at::Tensor between(const at::Tensor& corrupted, const at::Tensor& clean,
                   const std::vector<double>& points) {
  std::vector<at::Tensor> rows;
  rows.reserve(points.size());
  for (const double point : points) {
    if (point == 0.0 || point == 1.0)
      rows.push_back(point == 0.0 ? corrupted : clean);
    else
      rows.push_back(corrupted.add(clean.sub(corrupted).mul(point)));
  }
  return at::stack(rows);
}

constexpr const char* kFirstStream = "blocks.0.hook_resid_pre";
constexpr const char* kAttentions = "blocks.*.hook_attn_out";
constexpr const char* kMlps = "blocks.*.hook_mlp_out";

/// Each sublayer's output in turn, and the edges that leave it.
std::vector<Stage> stages_by_activation(const Graph& graph, const RunState& clean,
                                        const RunState& corrupted,
                                        const std::vector<double>& points) {
  std::vector<Stage> stages = {
      {kFirstStream, between(corrupted.resid[0], clean.resid[0], points), 0, 1}};
  for (std::size_t b = 0; b < clean.resid.size(); ++b) {
    const auto block = static_cast<std::int64_t>(b);
    const std::int64_t first = graph.senders_before(block);
    stages.push_back({in_block(block, "hook_attn_out"),
                      between(corrupted.attn_out[b], clean.attn_out[b], points), first,
                      graph.attention_senders});
    stages.push_back({in_block(block, "hook_mlp_out"),
                      between(corrupted.mlp_out[b], clean.mlp_out[b], points),
                      first + graph.attention_senders, 1});
  }
  return stages;
}

/// Sum over runs, of one run without a copy.
at::Tensor over_runs(const at::Tensor& gradient) {
  return gradient.size(0) == 1 ? gradient[0] : gradient.sum(0, /*keepdim=*/false, at::kFloat);
}

/// Adds the products of one stage.
class StageScores {
 public:
  StageScores(const Model& model, const Tokens& clean, const Graph& graph, const Stage& stage,
              const at::Tensor& differences, const MetricReader& reader, GradientScores& scores)
      : model_(model),
        clean_(clean),
        graph_(graph),
        stage_(stage),
        differences_(differences.narrow(0, stage.senders, stage.count).flatten(1)),
        reader_(reader),
        scores_(scores) {}

  /// Readers of the blocks from `first` to before `end`, for some of the runs. With the last block
  /// also the logits as a reader, and the nodes by the gradients at their own outputs.
  /// \param run  first of the runs
  void add_blocks(std::int64_t run, std::int64_t count, std::int64_t first, std::int64_t end) {
    std::vector<std::string> hooks;
    for (std::int64_t block = first; block < end; ++block)
      for (const char* hook : {"hook_q_input", "hook_k_input", "hook_v_input", "hook_mlp_in"})
        hooks.push_back(in_block(block, hook));
    const bool last = end == model_.spec().n_layers;
    if (last)
      for (const std::string& hook : {std::string(kFirstStream), std::string(kAttentions),
                                      std::string(kMlps), in_block(end - 1, "hook_resid_post")})
        hooks.push_back(hook);
    const Found found = gradients_at(stage_.runs.narrow(0, run, count), hooks);
    for (std::int64_t block = first; block < end; ++block) add_readers(found.gradients, block);
    if (!last) return;
    add_nodes(found.gradients);
    if (!follows_path()) return;
    const auto places =
        std::span(stage_.places)
            .subspan(static_cast<std::size_t>(run), static_cast<std::size_t>(count));
    add_to_path(found, places, 1.0 / static_cast<double>(stage_.places.size()));
  }

  /// Jumps of the metric along the path of the runs, which were all added.
  void add_jumps() {
    if (!follows_path()) return;
    add_to_path(gradients_at(stage_.ends, {kFirstStream}), std::array{0.0, 1.0}, 0.0);
    scores_.jumps = routing_jumps_of(std::move(path_));
  }

 private:
  using Gradients = std::map<std::string, at::Tensor>;

  /// What runs give.
  struct Found {
    at::Tensor values;  ///< [run] metrics
    Gradients gradients;
    ChosenExperts experts;
  };

  bool follows_path() const { return stage_.ends.defined() && model_.spec().mlp.n_experts > 0; }

  /// \param weight  of each place
  void add_to_path(const Found& found, std::span<const double> places, double weight) {
    const at::Tensor way = stage_.ends[1].to(at::kDouble) - stage_.ends[0].to(at::kDouble);
    add_points(path_, places, std::vector<double>(places.size(), weight), found.values,
               found.gradients.at(kFirstStream), way, found.experts);
  }

  /// The heads and the MLP of a block, each with the nodes that write before it.
  void add_readers(const Gradients& found, std::int64_t block) {
    const std::int64_t earlier = graph_.senders_before(block);
    std::int64_t row = graph_.readers_before(block);
    for (const char* hook : {"hook_q_input", "hook_k_input", "hook_v_input"})
      row = add(over_runs(found.at(in_block(block, hook))).transpose(0, 1), row, earlier);
    const std::int64_t own = model_.spec().parallel_blocks ? 0 : graph_.attention_senders;
    add(over_runs(found.at(in_block(block, "hook_mlp_in"))).unsqueeze(0), row, earlier + own);
  }

  void add_nodes(const Gradients& found) {
    const std::string last = in_block(model_.spec().n_layers - 1, "hook_resid_post");
    add(over_runs(found.at(last)).unsqueeze(0), graph_.n_readers() - 1, graph_.n_senders());
    for (std::int64_t i = 0; i < stage_.count; ++i) {
      const Sender& sender = graph_.senders[static_cast<std::size_t>(stage_.senders + i)];
      const std::string hook = sender.kind == Sender::Kind::embed ? kFirstStream
                               : sender.kind == Sender::Kind::mlp
                                   ? in_block(sender.block, "hook_mlp_out")
                                   : in_block(sender.block, "hook_attn_out");
      const at::Tensor gradient = over_runs(found.at(hook)).flatten().to(at::kFloat);
      scores_.nodes[stage_.senders + i] +=
          differences_[i].dot(gradient).item<double>() / static_cast<double>(stage_.runs.size(0));
    }
  }

  /// Gradients of the metric of each run. Runs do not see each other, so that the gradient of their
  /// sum is that of each.
  Found gradients_at(const at::Tensor& runs, const std::vector<std::string>& hooks) const {
    Found found;
    GradientOptions options;
    if (follows_path())
      read_experts(options.hooks, model_.spec(), runs.size(0), reader_.position(), found.experts);
    options.hooks.replace(stage_.hook, [&](const at::Tensor& x, const HookPoint&) {
      return runs.to(x.scalar_type()).contiguous();
    });
    const auto metrics = [&](const at::Tensor& residual, const RecordedActivations&) {
      return reader_(residual.select(1, reader_.position()));
    };
    TokenBatch batch = make_batch(clean_);
    batch.ids = batch.ids.expand({runs.size(0), -1});
    RunGradients run = run_gradients(model_, batch, hooks, metrics, options);
    found.values = run.values.detach();
    found.gradients = std::move(run.gradients);
    return found;
  }

  /// Adds the mean product with gradients [reader, position, d_model].
  /// \param senders  nodes that write before the readers; there is no edge from the others
  /// \return the next reader
  std::int64_t add(const at::Tensor& gradients, std::int64_t row, std::int64_t senders) {
    const std::int64_t count = std::clamp<std::int64_t>(senders - stage_.senders, 0, stage_.count);
    if (count > 0) {
      const at::Tensor products = gradients.to(at::kFloat)
                                      .flatten(1)
                                      .matmul(differences_.narrow(0, 0, count).transpose(0, 1));
      scores_.edges.narrow(0, row, gradients.size(0))
          .narrow(1, stage_.senders, count)
          .add_(products.to(at::kDouble).div_(static_cast<double>(stage_.runs.size(0))));
    }
    return row + gradients.size(0);
  }

  const Model& model_;
  const Tokens& clean_;
  const Graph& graph_;
  const Stage& stage_;
  at::Tensor differences_;  ///< [sender of the stage, position * d_model]
  const MetricReader& reader_;
  GradientScores& scores_;
  std::vector<PathPoint> path_;
};

}  // namespace

std::vector<Stage> stages_of(const Graph& graph, const RunState& clean, const RunState& corrupted,
                             const EdgeAttributionOptions& options) {
  std::vector<double> points;
  if (options.method == "eap") points = {1.0};
  if (options.method == "clean_corrupted") points = {0.0, 1.0};
  if (options.method.starts_with("ig_")) points = points_of(options);
  if (options.method == "ig_activations")
    return stages_by_activation(graph, clean, corrupted, points);
  if (points.empty() || (options.method.starts_with("ig_") && options.method != "ig_inputs"))
    throw UsageError("edge_attribution: unknown method '" + options.method +
                     "'; give eap, clean_corrupted, ig_inputs, ig_activations or exact");
  Stage stage{kFirstStream, between(corrupted.resid[0], clean.resid[0], points), 0,
              graph.n_senders()};
  if (options.method == "ig_inputs") {
    stage.ends = at::stack({corrupted.resid[0], clean.resid[0]});
    stage.places = points;
  }
  return {std::move(stage)};
}

double gradient_bytes(const TransformerSpec& spec, std::int64_t length) {
  const AttentionSpec& attention = spec.attention;
  return static_cast<double>(spec.n_layers) * static_cast<double>(length) *
         static_cast<double>(attention.n_heads + 2 * attention.n_key_value_heads + 1) *
         static_cast<double>(spec.d_model) * 4.0;
}

GradientScores score_by_gradients(Context& context, const Tokens& clean, const Graph& graph,
                                  const at::Tensor& differences, const MetricReader& reader,
                                  const std::vector<Stage>& stages) {
  const Model& model = context.model();
  const std::int64_t n_layers = model.spec().n_layers;
  GradientScores scores{at::zeros({graph.n_readers(), graph.n_senders()}, at::kDouble),
                        at::zeros({graph.n_senders()}, at::kDouble), std::nullopt};
  const double bytes = gradient_bytes(model.spec(), clean.size());
  // Runs are grouped up to the limit of memory; if one run alone exceeds it, only some of its
  // blocks are kept at a time.
  const auto runs = std::max<std::int64_t>(1, static_cast<std::int64_t>(kGradientBytes / bytes));
  const auto blocks = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(static_cast<double>(n_layers) * kGradientBytes / bytes), 1,
      n_layers);
  std::int64_t done = 0;
  for (const Stage& stage : stages) {
    StageScores sums(model, clean, graph, stage, differences, reader, scores);
    for (std::int64_t at = 0; at < stage.runs.size(0); at += runs) {
      const std::int64_t count = std::min(runs, stage.runs.size(0) - at);
      for (std::int64_t first = 0; first < n_layers; first += blocks) {
        sums.add_blocks(at, count, first, std::min(first + blocks, n_layers));
        if (context.cancelled()) throw RunError("edge_attribution: the run was interrupted");
      }
    }
    sums.add_jumps();
    context.progress(++done, std::ssize(stages));
  }
  return scores;
}

}  // namespace lensbench::edges
