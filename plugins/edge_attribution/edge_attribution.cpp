#include "edge_attribution.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/reference_prompts.hpp>
#include <lensbench/statistics.hpp>

#include "common/number_text.hpp"
#include "common/text_alone.hpp"
#include "exact.hpp"
#include "faithfulness.hpp"
#include "gradients.hpp"
#include "graph.hpp"
#include "outputs.hpp"
#include "receipts.hpp"
#include "truth.hpp"

namespace lensbench::edges {
namespace {

EdgeAttributionOptions options_of(const Model& model, const Parameters& parameters) {
  EdgeAttributionOptions options;
  options.metric = metric_options(model, parameters);
  options.method = parameters.text("method");
  options.steps = parameters.integer("steps");
  options.rule = parameters.text("rule");
  options.level = parameters.text("level");
  options.select = parameters.text("select");
  options.ablation = parameters.text("ablation");
  options.proportions = parameters.numbers("proportions");
  options.random_draws = parameters.integer("random_draws");
  options.most_circuits = parameters.integer("most_circuits");
  options.min_gap = parameters.number("min_gap");
  options.reference = parameters.text("reference");
  options.truth = parameters.text("truth");
  return options;
}

/// Subject of messages about the reference prompts.
constexpr const char* kMeanAblation = "edge_attribution: ablation mean";

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("edge_attribution: " + fault);
}

/// What the table of parameters cannot say.
void check(const EdgeAttributionOptions& options) {
  const std::vector<double>& shares = options.proportions;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] >= 0 && shares[i] <= 1))
      refuse("proportions has " + tracing::number_text(shares[i]) +
             "; expected shares from 0 to 1");
    if (i > 0 && !(shares[i] > shares[i - 1]))
      refuse("proportions must rise, since areas are taken over them; sort them");
  }
  if (options.ablation != "patching" && options.ablation != "zero" && options.ablation != "mean")
    refuse("unknown ablation '" + options.ablation + "'; give patching, zero or mean");
  if (!options.reference.empty() && options.ablation != "mean")
    refuse("reference is '" + options.reference +
           "', but only ablation mean uses it; leave out reference");
  if (options.random_draws < 0 || options.most_circuits < 1)
    refuse("found random_draws " + std::to_string(options.random_draws) + " and most_circuits " +
           std::to_string(options.most_circuits) + "; expected at least 0 and at least 1");
  if (options.level == "node" && options.method == "exact")
    refuse(
        "level=node needs the score of each node, which method=exact does not have; use "
        "activation_patching, or another method");
}

/// Both runs of a pair and what is read from them.
struct Subject {
  Subject(const Model& model, const PairedRuns& runs, const Target& target,
          const EdgeAttributionOptions& options)
      : pair(model, runs.clean(), runs.corrupted()),
        reader("edge_attribution", model, runs.clean(), pair.base().last, target, options.metric) {
    reader.set_base(pair.base().last[reader.position()]);
    const auto metric = [&](const RunState& run) {
      return reader(run.last.narrow(0, reader.position(), 1)).item<double>();
    };
    gap = {metric(pair.base()), metric(pair.source()), options.min_gap};
  }

  paths::RunPair pair;
  MetricReader reader;
  Gap gap;
};

/// \throws UsageError for prompts that cannot be compared
PairedRuns checked_pair(const Tokens& clean, const Tokens& corrupted) {
  tracing::refuse_pictures("edge_attribution", clean);
  PairedRuns runs("edge_attribution", clean, corrupted, Direction::noise);
  if (!runs.differs().any().item<bool>())
    refuse("the two prompts are equal token for token; give a second prompt that differs");
  return runs;
}

void add_graph(Dataset& dataset, const Graph& graph) {
  const std::size_t count = graph.edges.size();
  std::vector<std::string> sources(count), targets(count), slots(count);
  for (std::size_t i = 0; i < count; ++i) {
    GraphEdge names = names_of(graph, graph.edges[i]);
    sources[i] = std::move(names.source);
    targets[i] = std::move(names.target);
    slots[i] = std::move(names.slot);
  }
  const auto add = [&](const char* name, std::vector<std::string> texts, const char* long_name) {
    dataset.add({.name = name,
                 .dims = {"edge"},
                 .strings = std::move(texts),
                 .long_name = long_name,
                 .coordinate = true});
  };
  add("source", std::move(sources), "node that writes");
  add("target", std::move(targets), "node that reads");
  add("slot", std::move(slots), "input of the node that reads: q, k, v or in");
}

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

void add_scores(Dataset& dataset, const at::Tensor& scores, const Subject& subject,
                const EdgeAttributionOptions& options) {
  const char* units = subject.reader.units();
  dataset.add("edge_score", {"edge"}, scores, units,
              options.method == "exact"
                  ? "change of the metric when the edge carries the corrupted value"
                  : "predicted change of the metric when the edge carries the corrupted value");
  dataset.add("importance", {"edge"}, scores.neg(), units,
              "-edge_score: positive for edges that support the metric");
  // Other metrics are not the difference that the claims are about.
  if (subject.reader.metric() == Metric::logit_difference)
    dataset.set_attribute("importance", "claim",
                          options.method == "exact" ? "edge.noise" : "edge.importance");
  add_scalar(dataset, "clean_metric", subject.gap.base, units, "metric of the clean run");
  add_scalar(dataset, "corrupted_metric", subject.gap.source, units, "metric of the corrupted run");
  add_scalar(dataset, "gap", subject.gap.value(), units, "corrupted_metric minus clean_metric");
}

void add_jumps(Dataset& dataset, double jumps, std::int64_t changes, const MetricReader& reader) {
  add_scalar(
      dataset, "routing_jumps", jumps, reader.units(),
      "part of the gap from jumps of the metric where experts change between the prompts: no "
      "edge has it");
  add_scalar(dataset, "routing_changes", static_cast<double>(changes), "1",
             "pairs of neighbouring steps between the prompts with different experts");
}

void add_nodes(Dataset& dataset, const Graph& graph, const at::Tensor& nodes,
               const MetricReader& reader) {
  std::vector<std::string> labels;
  labels.reserve(graph.senders.size());
  for (const Sender& sender : graph.senders) labels.push_back(sender.label);
  dataset.add_coordinate("component", std::move(labels), "node that writes");
  dataset.add("node_score", {"component"}, nodes, reader.units(),
              "predicted change of the metric when everything that the node writes is that of the "
              "corrupted run");
  if (reader.metric() == Metric::logit_difference)
    dataset.set_attribute("node_score", "claim", "effect.total negated");
}

void add_options(Dataset& dataset, const EdgeAttributionOptions& options) {
  dataset.attributes["method"] = options.method;
  dataset.attributes["steps"] = options.steps;
  dataset.attributes["level"] = options.level;
  dataset.attributes["select"] = options.select;
  dataset.attributes["ablation"] = options.ablation;
  dataset.attributes["proportions"] = tracing::number_texts(options.proportions);
  dataset.attributes["random_draws"] = options.random_draws;
  dataset.attributes["most_circuits"] = options.most_circuits;
  dataset.attributes["min_gap"] = options.min_gap;
  dataset.attributes["reference"] = std::string("none");
  dataset.attributes["truth"] = std::string("none");
  const bool integral = options.method.starts_with("ig_");
  Provenance{.definition = "edge_" + options.method + "/1",
             .rule = integral ? options.rule : "none",
             .samples = options.random_draws,
             .seed_stream = kRandomCircuits}
      .describe(dataset);
}

/// Scores [reader, sender] as those of the edges.
at::Tensor of_edges(const Graph& graph, const at::Tensor& scores) {
  std::vector<std::int64_t> places;
  places.reserve(graph.edges.size());
  for (const Graph::Edge& edge : graph.edges)
    places.push_back(edge.reader * graph.n_senders() + edge.sender);
  return scores.flatten().index_select(0, at::tensor(places, at::kLong));
}

}  // namespace

void EdgeAttributionTool::check_compatible(const Model& model) const {
  graph_of(model.spec());
}

void EdgeAttributionTool::check_parameters(const Parameters& parameters) const {
  const EdgeAttributionOptions options = options_of(model(), parameters);
  check(options);
  if (options.ablation == "mean")
    ReferencePrompts(context(), options.reference).check_mean(kMeanAblation);
  if (!options.truth.empty()) read_truth(graph_of(model().spec()), options.truth);
}

std::vector<GraphEdge> EdgeAttributionTool::edges() const {
  const Graph graph = graph_of(model().spec());
  std::vector<GraphEdge> names;
  names.reserve(graph.edges.size());
  for (const Graph::Edge& edge : graph.edges) names.push_back(names_of(graph, edge));
  return names;
}

Dataset EdgeAttributionTool::run(const Request& request) {
  return attribute_edges(request.tokens(), request.corrupted(), target_of(model(), request),
                         options_of(model(), request.parameters()));
}

Dataset EdgeAttributionTool::attribute_edges(const Tokens& clean, const Tokens& corrupted,
                                             const Target& target,
                                             const EdgeAttributionOptions& options) {
  check(options);
  const Graph graph = graph_of(model().spec());
  const PairedRuns runs = checked_pair(clean, corrupted);
  const Subject subject(model(), runs, target, options);
  Dataset dataset;
  runs.describe(dataset);
  add_graph(dataset, graph);
  dataset.receipts = {
      self_replacement_changes_nothing(model(), runs.clean(), subject.reader, subject.gap),
      edges_are_counted(graph, model().spec())};

  at::Tensor scores, nodes;
  if (options.method == "exact") {
    scores = score_exactly(context(), graph, subject.pair, subject.reader);
  } else {
    const at::Tensor differences =
        output_differences(model(), graph, subject.pair.source(), subject.pair.base());
    const GradientScores found =
        score_by_gradients(context(), runs.clean(), graph, differences, subject.reader,
                           stages_of(graph, subject.pair.base(), subject.pair.source(), options));
    scores = of_edges(graph, found.edges);
    nodes = found.nodes;
    dataset.receipts.push_back(
        edges_sum_to_their_node(graph, found.edges, nodes, subject.gap.value()));
    // The path runs from the corrupted to the clean prompt, the gap the other way.
    const double jumps = found.jumps ? -found.jumps->sum : 0.0;
    if (options.method == "ig_inputs")
      dataset.receipts.push_back(
          embedding_sums_to_the_gap(graph, scores, jumps, subject.gap.value()));
    if (found.jumps) add_jumps(dataset, jumps, found.jumps->intervals, subject.reader);
  }
  add_scores(dataset, scores, subject, options);
  if (nodes.defined()) add_nodes(dataset, graph, nodes, subject.reader);
  subject.reader.describe(dataset);
  add_options(dataset, options);
  if (options.ablation == "mean") ReferencePrompts(context(), options.reference).describe(dataset);
  if (!options.truth.empty()) {
    add_truth(dataset, scores, read_truth(graph, options.truth));
    context().record_file(dataset, "truth", options.truth);
  }
  if (options.proportions.empty()) return dataset;

  const RunState ablated = ablated_run(graph, subject.pair, options);
  const CircuitInputs inputs{graph, runs.clean(), subject.pair.base(), ablated, subject.reader};
  const Faithfulness found = measure_faithfulness(context(), inputs, scores.neg(),
                                                  nodes.defined() ? nodes.neg() : nodes, options);
  add_faithfulness(dataset, found, options, subject.reader.units());
  for (Receipt& receipt :
       receipts_of_circuits(context(), inputs, found, subject.gap, options.ablation == "patching"))
    dataset.receipts.push_back(std::move(receipt));
  return dataset;
}

RunState EdgeAttributionTool::ablated_run(const Graph& graph, const paths::RunPair& pair,
                                          const EdgeAttributionOptions& options) {
  if (options.ablation == "patching") return pair.source();
  if (options.ablation == "zero") return run_without_nodes(model(), graph, pair.base());
  const ReferencePrompts reference(context(), options.reference);
  if (const std::string key = reference.key(); key != means_key_) {
    reference.check_mean(kMeanAblation);
    means_ = mean_outputs(model(), reference);
    means_key_ = key;
  }
  return run_with_means(model(), graph, pair.base(), means_);
}

CircuitMetrics EdgeAttributionTool::run_circuits(const Tokens& clean, const Tokens& corrupted,
                                                 const Target& target, const at::Tensor& circuits,
                                                 const EdgeAttributionOptions& options) {
  check(options);
  const Graph graph = graph_of(model().spec());
  if (circuits.dim() != 2 || circuits.size(1) != std::ssize(graph.edges) ||
      circuits.scalar_type() != at::kBool)
    refuse("circuits must be [circuit, " + std::to_string(graph.edges.size()) +
           "] bool, one column for each of edges()");
  const PairedRuns runs = checked_pair(clean, corrupted);
  const Subject subject(model(), runs, target, options);
  const RunState ablated = ablated_run(graph, subject.pair, options);
  const CircuitInputs inputs{graph, runs.clean(), subject.pair.base(), ablated, subject.reader};
  const at::Tensor ends = at::stack(
      {at::ones({circuits.size(1)}, at::kBool), at::zeros({circuits.size(1)}, at::kBool)});
  const std::vector<double> metrics = statistics::values_of(lensbench::edges::run_circuits(
      context(), inputs, at::cat({circuits, ends}), options.most_circuits));
  return {{metrics.begin(), metrics.end() - 2},
          metrics.at(metrics.size() - 2),
          metrics.back(),
          subject.gap.base,
          subject.gap.source};
}

/// The bound of the gradients that are held at once, and the graphs of their forwards.
CostEstimate EdgeAttributionTool::estimate(const Request& request) const {
  const EdgeAttributionOptions options = options_of(model(), request.parameters());
  const TransformerSpec& spec = model().spec();
  const std::int64_t length = request.tokens().size();
  CostEstimate cost;
  cost.bytes = std::min(gradient_bytes(spec, length), 512e6) + 512e6;
  cost.items = options.method == "ig_activations" ? 2 * spec.n_layers + 1 : 1;
  return cost;
}

}  // namespace lensbench::edges
