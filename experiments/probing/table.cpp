#include "table.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/nanmean.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <lensbench/hypothesis.hpp>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "causal.hpp"
#include "common/results.hpp"
#include "direction.hpp"
#include "labelled.hpp"
#include "steered.hpp"

namespace probing_experiment {
namespace {

using namespace lensbench;

constexpr std::int64_t kBootstrapSamples = 1000;

/// 0 if both halves have groups of their own.
std::int64_t shared_groups(const Summary& summary, const std::vector<std::int64_t>& measuring) {
  std::vector<std::string> known;
  for (const std::int64_t number : all_but(summary.cases(), measuring))
    known.push_back(group_of(summary.input(number)));
  return std::count_if(measuring.begin(), measuring.end(), [&](std::int64_t number) {
    return std::find(known.begin(), known.end(), group_of(summary.input(number))) != known.end();
  });
}

/// What the tool says of all points, from the half that fitted.
void add_points(Dataset& table, const Dataset& probe) {
  for (const char* name :
       {"point", "layer", "bound", "class", "held_out_accuracy", "accuracy_interval",
        "held_out_auroc", "selectivity", "selectivity_interval"})
    table.add(probe[name]);
  for (const char* name : {"held_out_accuracy", "held_out_auroc", "selectivity"})
    table.set_attribute(name, "view", std::string("table"));
  if (!probe.contains("control_accuracy")) return;
  const Variable& controls = probe["control_accuracy"];
  table.add(probe["control"]);
  table.add("control_accuracy", {"control", "point"}, at::nanmean(controls.tensor, {2}), "1",
            controls.long_name + ", mean over folds");
}

using Numbers = statistics::Bootstrap;

void add_accuracy(Dataset& table, const Numbers& found, const statistics::Resampling& resampling) {
  common::add_estimates(table,
                        {"measured_accuracy",
                         {},
                         "1",
                         "share of the measuring cases whose label the chosen probe reads"},
                        found, 0, {}, resampling);
}

void add_causes(Dataset& table, const Numbers& found, const statistics::Resampling& resampling,
                std::int64_t draws, const std::string& units) {
  const std::string none = " (NaN: no case was steered)";
  const std::string no_effect =
      " (NaN: the metric of the two labels differs by less than min_gap, or no case was steered)";
  const auto add = [&](std::size_t first, const common::Label& label,
                       const std::vector<std::int64_t>& shape) {
    common::add_estimates(table, label, found, first, shape, resampling);
  };
  add(1, {"label_effect", {}, units, "mean metric of the second label minus the first" + none}, {});
  add(2,
      {"moved_effect",
       {},
       units,
       "change of the metric toward the second label where the stream moves along the direction by "
       "the distance of the labels" +
           none},
      {});
  add(3, {"recovered", {}, "1", "moved_effect over label_effect" + no_effect}, {});
  add(4,
      {"removed_share",
       {},
       "1",
       "share of label_effect that is lost where the stream loses the direction" + no_effect},
      {});
  table.add_coordinate("draw", at::arange(draws, at::kInt), "random direction");
  add(5,
      {"random_recovered",
       {"draw"},
       "1",
       "recovered by a random direction of equal length" + no_effect},
      {draws});
  add(5 + static_cast<std::size_t>(draws),
      {"random_removed_share", {"draw"}, "1", "removed_share of a random direction" + no_effect},
      {draws});
}

std::string percent(double share) {
  if (std::isnan(share)) return "not defined";
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

double largest_size(const std::vector<double>& values) {
  double most = std::numeric_limits<double>::quiet_NaN();
  for (const double value : values)
    if (!(std::abs(value) <= most)) most = std::abs(value);
  return most;
}

std::string finding_of(const Dataset& probe, const CausalNumbers& found, bool is_steered) {
  const auto point = std::get<std::int64_t>(probe.attributes.at("chosen_point"));
  std::string text = "at " + probe["point"].strings[static_cast<std::size_t>(point)] +
                     " a probe reads the label in " + percent(found.accuracy) +
                     " of the cases that did not fit it";
  if (!is_steered)
    return text +
           "; whether the model uses it was not asked, since there are not two labels or "
           "there is no target";
  return text + "; moving along it gives " + percent(found.recovered) +
         " of the difference between the labels (random directions at most " +
         percent(largest_size(found.random_recovered)) + "), taking it out removes " +
         percent(found.removed_share) + " (random at most " +
         percent(largest_size(found.random_removed_share)) + ")";
}

/// What the measuring cases gave.
struct Measured {
  Measured(const Summary& summary, const std::vector<std::int64_t>& numbers) {
    for (const std::int64_t number : numbers) {
      const Dataset saved = summary.dataset(number, "measured");
      cases.push_back(measured_case(saved));
      groups.push_back(group_of(summary.input(number)));
      units = saved["base_metric"].units;
    }
    steered = std::count_if(cases.begin(), cases.end(),
                            [](const MeasuredCase& one) { return !std::isnan(one.base); });
  }
  std::vector<MeasuredCase> cases;
  std::vector<std::string> groups;
  std::string units;
  std::int64_t steered = 0;
};

void describe(Dataset& table, const Dataset& probe, const Measured& measured, double min_gap) {
  std::vector<std::size_t> all(measured.cases.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  table.attributes["finding"] =
      finding_of(probe, causal_numbers(measured.cases, all, min_gap), measured.steered > 0);
  for (const char* name : {"chosen_layer", "chosen_point"})
    table.attributes[name] = probe.attributes.at(name);
  table.attributes["fitting_cases"] = probe.dim("example");
  table.attributes["measuring_cases"] = std::ssize(measured.cases);
  table.attributes["steered_cases"] = measured.steered;
  common::keep_worst(table, probe.receipts);
}

}  // namespace

Dataset table_of(const Summary& summary) {
  const Dataset probe = probe_of(summary);
  const auto numbers = measuring_cases(summary, probe);
  if (numbers.empty())
    throw RunError(
        "probing: none of the cases that measure the probe completed; see their messages");
  const Measured measured(summary, numbers);
  const double min_gap = summary.parameters().number("min_gap");
  const statistics::Resampling resampling{.samples = kBootstrapSamples, .seed = summary.seed()};
  const auto found = statistics::bootstrap(
      measured.cases.size(),
      [&](const auto& chosen) { return causal_numbers(measured.cases, chosen, min_gap).all(); },
      resampling, measured.groups);
  Dataset table;
  add_points(table, probe);
  add_accuracy(table, found, resampling);
  if (measured.steered > 0)
    add_causes(table, found, resampling, std::ssize(measured.cases.front().random_moved),
               measured.units);
  describe(table, probe, measured, min_gap);
  table.receipts.push_back(make_receipt("halves_do_not_share_a_group",
                                        static_cast<double>(shared_groups(summary, numbers)), 0,
                                        "measuring cases whose group also fitted the probe"));
  return table;
}

}  // namespace probing_experiment
