#include "recall.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/statistics.hpp>
#include <limits>

#include "common/results.hpp"
#include "effects.hpp"

namespace factual_recall_tracing {
namespace {

using namespace lensbench;

constexpr const char* kKindAxis =
    "restored activation: the stream after a block, the outputs of attention or MLP in a window of "
    "blocks";
constexpr const char* kNoRole = " (NaN: no fact has such a token)";

/// Values of one variable of every case, with statistics and intervals over the cases.
void add_over_facts(Dataset& table, const Variable& like, const std::vector<std::string>& dims,
                    const std::vector<at::Tensor>& values) {
  statistics::add_over_cases(table, like, dims, values);
  statistics::add_intervals(table, like, dims, values);
}

std::string percent(double share) {
  return std::to_string(static_cast<int>(100 * share + 0.5)) + " %";
}

/// `5`, or `4.5` between two layers.
std::string layer_text(const at::Tensor& layer) {
  std::string text = std::to_string(layer.item<double>());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string name_of_kind(const Traces& traces, std::int64_t kind) {
  const std::string& name = traces.kinds[static_cast<std::size_t>(kind)];
  return name == "state" ? "state at the subject" : name;
}

/// Place of the largest mean effect of a kind: `largest at last_subject, block 2: p + 0.31`. For
/// the stream only the tokens of the subject count, since its last token restores everything.
std::string place_of_peak(const Traces& traces, const std::vector<double>& means,
                          std::int64_t corruption, std::int64_t kind) {
  const bool stream = traces.kinds[static_cast<std::size_t>(kind)] == "state";
  std::string place = "nowhere above 0";
  double best = 0;
  for (std::size_t role = 0; role < (stream ? kSubjectRoles : kRoles.size()); ++role)
    for (std::int64_t block = 0; block < traces.n_blocks; ++block) {
      const auto row = (corruption * traces.n_kinds() + kind) * std::ssize(kRoles) +
                       static_cast<std::int64_t>(role);
      const double mean = means[static_cast<std::size_t>(row * traces.n_blocks + block)];
      if (!(mean > best)) continue;
      best = mean;
      place = std::string("largest at ") + kRoles[role] + ", block " + std::to_string(block) +
              ": p + " + std::to_string(mean).substr(0, 5);
    }
  return place;
}

void add_lines(Dataset& table, const std::vector<std::string>& subjects,
               const std::vector<std::string>& lines) {
  table.attributes["finding"] = lines.front();
  table.add_coordinate("statement", subjects, "subject of the finding");
  table.add("finding", "statement", lines, "what the facts say");
}

/// \param draws  [sample, kind * role * block]; no samples where there is one fact
void add_peaks(Dataset& table, const at::Tensor& draws) {
  const std::int64_t n_k = table.dim("kind"), n_r = table.dim("role"), n_b = table.dim("block");
  const at::Tensor means = table["indirect_effect"].tensor.reshape({n_k * n_r, n_b});
  std::vector<std::int64_t> blocks;
  std::vector<double> shares;
  for (const Peak& peak : peaks_of(means, draws.reshape({draws.size(0), n_k * n_r, n_b}))) {
    blocks.push_back(peak.block);
    shares.push_back(peak.share);
  }
  table.add("peak_block", {"kind", "role"},
            at::tensor(blocks, at::kLong).to(at::kInt).reshape({n_k, n_r}), "1",
            "block with the largest mean effect; -1: no fact has such a token");
  table.set_attribute("peak_block", "view", std::string("table"));
  common::add_numbers(table,
                      {"peak_share",
                       {"kind", "role"},
                       "1",
                       "share of bootstrap samples with the same peak (NaN: no fact has such a "
                       "token, or one fact)"},
                      shares, {n_k, n_r});
}

}  // namespace

std::vector<std::int64_t> known_facts(const Summary& cases) {
  std::vector<std::int64_t> known;
  for (const auto number : cases.cases())
    if (cases.dataset(number, "facts")["known"].tensor.item<std::int64_t>() == 1)
      known.push_back(number);
  return known;
}

Traces traces_of(const Summary& cases, const std::vector<std::int64_t>& facts) {
  Traces all;
  all.corruptions = cases.parameters().list("corruptions");
  all.kinds = cases.parameters().list("kinds");
  all.facts_with_role.assign(kRoles.size(), 0);
  all.numbers.reserve(facts.size());
  for (const auto number : facts) {
    std::vector<double> row, totals, controls;
    std::vector<Dataset> traces;
    for (const std::string& corruption : all.corruptions) {
      traces.push_back(cases.dataset(number, corruption));
      const Dataset& trace = traces.back();
      const auto effects = statistics::values_of(effects_by_role(trace));
      row.insert(row.end(), effects.begin(), effects.end());
      totals.push_back(trace["total_effect"].tensor.item<double>());
      controls.push_back(trace.contains("control_total_effect")
                             ? trace["control_total_effect"].tensor.item<double>()
                             : kNotThere);
    }
    all.n_blocks = traces.front().dim("block");
    const auto& roles = traces.front()["role"].strings;
    for (std::size_t role = 0; role < kRoles.size(); ++role)
      all.facts_with_role[role] +=
          static_cast<std::int64_t>(std::count(roles.begin(), roles.end(), kRoles[role]) > 0);
    row.insert(row.end(), totals.begin(), totals.end());
    row.insert(row.end(), controls.begin(), controls.end());
    const auto agreement = traces.size() == 2 ? agreement_of(traces[0], traces[1])
                                              : std::vector<double>(all.kinds.size(), kNotThere);
    row.insert(row.end(), agreement.begin(), agreement.end());
    all.numbers.push_back(std::move(row));
  }
  return all;
}

void add_known(Dataset& table, const Summary& summary) {
  std::vector<at::Tensor> known, settled;
  Variable settled_layer;
  summary.for_each("facts", [&](auto, const Dataset& one) {
    known.push_back(one["known"].tensor.to(at::kDouble));
    settled_layer = one["settled_layer"];
    const bool is_known = one["known"].tensor.template item<std::int64_t>() == 1;
    settled.push_back(is_known ? settled_layer.tensor : at::scalar_tensor(kNotThere, at::kDouble));
  });
  add_over_facts(
      table,
      {.name = "known", .long_name = "share of facts whose object is the model's first choice"}, {},
      known);
  settled_layer.long_name += ", facts that the model knows";
  add_over_facts(table, settled_layer, {}, settled);
}

void add_no_finding(Dataset& table, std::size_t n_facts) {
  add_lines(table, {"known facts"},
            {"right first choice in 0 of " + std::to_string(n_facts) + ", so nothing was traced"});
}

void add_findings(Dataset& table, std::size_t n, const Traces& traces,
                  const statistics::Bootstrap& found) {
  const std::size_t known = traces.numbers.size();
  std::vector<double> means;
  means.reserve(found.intervals.size());
  for (const auto& interval : found.intervals) means.push_back(interval.estimate);
  std::vector<std::string> subjects = {"known facts"};
  std::vector<std::string> lines = {
      "right first choice in " + std::to_string(known) + " of " + std::to_string(n) + " (" +
      percent(static_cast<double>(known) / static_cast<double>(n)) + ")"};
  for (std::int64_t corruption = 0; corruption < traces.n_corruptions(); ++corruption)
    for (std::int64_t kind = 0; kind < traces.n_kinds(); ++kind) {
      subjects.push_back(name_of_kind(traces, kind) + ", " +
                         traces.corruptions[static_cast<std::size_t>(corruption)]);
      lines.push_back(place_of_peak(traces, means, corruption, kind));
    }
  const at::Tensor settled = table["settled_layer_quantile"].tensor;
  subjects.emplace_back("lens on known facts");
  lines.push_back("settles at layer " + layer_text(settled[1]) + " (median; " +
                  layer_text(settled[0]) + " to " + layer_text(settled[2]) + ")");
  add_lines(table, subjects, lines);
}

namespace {

void add_agreement(Dataset& table, const Traces& traces, const statistics::Bootstrap& found,
                   const statistics::Resampling& resampling) {
  common::add_estimates(table,
                        {"agreement",
                         {"kind"},
                         "1",
                         "rank correlation of the effects of both corruptions, mean over facts "
                         "(NaN: one corruption, or no effect at all)"},
                        found, traces.agreement_at(), {traces.n_kinds()}, resampling);
}

}  // namespace

void add_totals(Dataset& table, const Traces& traces, const statistics::Bootstrap& found,
                const statistics::Resampling& resampling) {
  table.add_coordinate("corruption", traces.corruptions, "what was done to the subject");
  table.add_coordinate("kind", traces.kinds, kKindAxis);
  common::add_estimates(table,
                        {"total_effect",
                         {"corruption"},
                         "1",
                         "mean over facts of p(clean) - p(corrupted) of the object"},
                        found, traces.total_at(), {traces.n_corruptions()}, resampling);
  common::add_estimates(table,
                        {"control_total_effect",
                         {"corruption"},
                         "1",
                         "total effect of noise on as many tokens that are not of the subject "
                         "(NaN: replacement, or there are none)"},
                        found, traces.control_at(), {traces.n_corruptions()}, resampling);
  add_agreement(table, traces, found, resampling);
}

namespace {

void add_cell_axes(Dataset& table, const Traces& traces) {
  table.add_coordinate("kind", traces.kinds, kKindAxis);
  table.add_coordinate("role", std::vector<std::string>(kRoles.begin(), kRoles.end()),
                       "place of the token in the fact");
  table.add_coordinate("block", at::arange(traces.n_blocks, at::kInt),
                       "block, or middle of the window, from 0");
}

/// Effects of one corruption, [kind, role, block] of every fact.
std::vector<at::Tensor> cells_of(const Traces& traces, std::int64_t corruption) {
  const std::int64_t n_k = traces.n_kinds(), n_r = std::ssize(kRoles), n_b = traces.n_blocks;
  std::vector<at::Tensor> cells;
  cells.reserve(traces.numbers.size());
  for (const auto& fact : traces.numbers)
    cells.push_back(at::tensor(fact, at::kDouble)
                        .narrow(0, corruption * n_k * n_r * n_b, n_k * n_r * n_b)
                        .reshape({n_k, n_r, n_b}));
  return cells;
}

}  // namespace

Dataset effects_of(const Traces& traces, std::int64_t corruption,
                   const statistics::Bootstrap& found, const statistics::Resampling& resampling) {
  const std::int64_t n_k = traces.n_kinds(), n_r = std::ssize(kRoles), n_b = traces.n_blocks;
  Dataset table;
  add_cell_axes(table, traces);
  const std::int64_t first = corruption * n_k * n_r * n_b;
  common::add_estimates(
      table,
      {"indirect_effect",
       {"kind", "role", "block"},
       "1",
       std::string("mean over facts of p(restored) - p(corrupted) of the object") + kNoRole},
      found, static_cast<std::size_t>(first), {n_k, n_r, n_b}, resampling);
  table.set_attribute("indirect_effect", "view", std::string("patching"));
  // A grid of cells is as many tests: the largest of them is large by chance too.
  statistics::add_tests_against_zero(
      table, {.name = "indirect_effect", .long_name = "p(restored) - p(corrupted) of the object"},
      {"kind", "role", "block"}, cells_of(traces, corruption),
      statistics::Correction::benjamini_hochberg, resampling);
  add_peaks(table, found.draws.narrow(1, first, n_k * n_r * n_b));
  table.add("facts_with_role", {"role"}, at::tensor(traces.facts_with_role, at::kLong), "1",
            "number of traced facts that have such a token");
  table.attributes["corruption"] = traces.corruptions[static_cast<std::size_t>(corruption)];
  table.attributes["traced_facts"] = std::ssize(traces.numbers);
  return table;
}

}  // namespace factual_recall_tracing
