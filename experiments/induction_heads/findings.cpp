#include "findings.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>

#include "common/results.hpp"

namespace induction_heads {
namespace {

using namespace lensbench;

constexpr std::int64_t kListedHeads = 5;

std::string finding_of(const Selection& selection) {
  std::string names;
  for (const Head& head : selection.found) names += (names.empty() ? "" : ", ") + name_of(head);
  const auto count = selection.found.size();
  if (count == 0) return "none found: no head's mean induction score exceeds the threshold";
  return std::to_string(count) + (count == 1 ? " induction head: " : " induction heads: ") + names;
}

/// Heads with the largest induction scores on the sequences that choose.
void add_best(Dataset& table, const Selection& selection) {
  const auto listed = best_of(selection.ranked, kListedHeads);
  std::vector<std::string> names;
  std::vector<double> scores;
  for (const Head& head : listed) {
    names.push_back(name_of(head));
    scores.push_back(selection.mean[2][head.block][head.index].item<double>());
  }
  table.add_coordinate("rank", at::arange(1, std::ssize(names) + 1), "1 is the best");
  table.add("best_head", "rank", names, "heads with the largest induction scores");
  common::add_numbers(table,
                      {"best_score", {"rank"}, "1", "their scores on the sequences that choose"},
                      scores, {std::ssize(scores)});
}

/// Changes of the repeat gain by an ablation, [sequence].
struct Effects {
  at::Tensor ours, random;
};

Effects effects_of(const Summary& summary) {
  std::vector<at::Tensor> effects, random_effects;
  for (const auto number : summary.cases()) {
    const at::Tensor gain = half(summary.dataset(number, "sequences")["repeat_gain"].tensor, true);
    const Dataset ablation = summary.dataset(number, "ablation");
    effects.push_back(ablation["ablated_gain"].tensor - gain);
    random_effects.push_back(ablation["random_gain"].tensor.mean(0) - gain);
  }
  return {at::cat(effects), at::cat(random_effects)};
}

/// K composition scores of all pairs of heads, [block, head, block, head].
at::Tensor k_scores(Uses<Composition>& composition) {
  CompositionOptions options;
  options.modes = {"k"};
  options.directions = 0;
  return composition->analyze(options)["composition"].tensor[0];
}

}  // namespace

at::Tensor half(const at::Tensor& sequences, bool measures) {
  const std::int64_t middle = sequences.size(0) / 2;
  return measures ? sequences.slice(0, middle) : sequences.slice(0, 0, middle);
}

at::Tensor pooled(const Summary& cases, const std::string& name, bool measures) {
  std::vector<at::Tensor> parts;
  parts.reserve(cases.cases().size());
  for (const auto number : cases.cases())
    parts.push_back(half(cases.dataset(number, "sequences")[name].tensor, measures));
  return at::cat(parts);
}

std::vector<Head> best_of(const std::vector<Head>& heads, std::int64_t count) {
  return {heads.begin(), heads.begin() + std::min<std::ptrdiff_t>(count, std::ssize(heads))};
}

void add_over_sequences(Dataset& table, const Variable& like, const std::vector<std::string>& dims,
                        const at::Tensor& values) {
  statistics::add_over_cases(table, like, dims, values.unbind(0));
  statistics::add_intervals(table, like, dims, values.unbind(0));
}

void add_findings(Dataset& table, const Selection& selection) {
  const std::string finding = finding_of(selection);
  table.add_coordinate("statement", std::vector<std::string>{"induction heads"});
  table.add("finding", "statement", {finding}, "heads found in the sequences that choose heads");
  table.attributes["finding"] = finding;
  at::Tensor found = at::zeros({table.dim("block"), table.dim("head")}, at::kChar);
  for (const Head& head : selection.found) found[head.block][head.index] = 1;
  table.add("is_induction_head", {"block", "head"}, found, "1",
            "1: the score is above the threshold");
  add_best(table, selection);
  table.add("threshold", {}, at::scalar_tensor(selection.threshold, at::kDouble), "1",
            "99th percentile of the induction scores of all heads on shuffled copies");
}

void add_ablation(Dataset& table, const Summary& summary) {
  const Effects effects = effects_of(summary);
  const auto add = [&](const char* name, const char* long_name, const at::Tensor& values) {
    const Variable like{.name = name, .units = "nats", .long_name = std::string(long_name) + kNone};
    add_over_sequences(table, like, {}, values);
    return like;
  };
  const Variable like =
      add("ablation_effect", "change of the repeat gain without the induction heads", effects.ours);
  add("random_effect", "mean change of the repeat gain without random heads of these blocks",
      effects.random);
  statistics::add_comparison(table, like, {}, effects.ours.unbind(0), effects.random.unbind(0),
                             statistics::Comparison::paired_permutation);
}

void add_composition(Dataset& table, const Selection& selection, std::int64_t top_k,
                     Uses<Composition>& composition) {
  const auto receivers = best_of(selection.found, top_k);
  const auto senders = best_of(selection.previous, top_k);
  std::vector<double> values;
  std::vector<std::string> labels;
  double all = kNotDetermined;
  if (!receivers.empty()) {
    const at::Tensor scores = k_scores(composition);
    all = statistics::mean(statistics::values_of(scores));
    for (const Head& sender : senders)
      for (const Head& receiver : receivers) {
        if (sender.block >= receiver.block) continue;
        labels.push_back(name_of(sender) + " > " + name_of(receiver));
        values.push_back(
            scores[sender.block][sender.index][receiver.block][receiver.index].item<double>());
      }
  }
  table.add("mean_k_composition", {}, at::scalar_tensor(all, at::kDouble), "1",
            "K composition score of all pairs of heads (NaN: no head was found)");
  if (labels.empty()) return;
  table.add_coordinate("pair", labels, "previous-token head > induction head");
  common::add_numbers(
      table,
      {"k_composition", {"pair"}, "1", "K composition score of the pair (NaN: a matrix is zero)"},
      values, {std::ssize(values)});
}

}  // namespace induction_heads
