#include "grading/archive/scores_dataset.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>

#include "checkpoint/checkpoint.hpp"
#include "grading/check/check_planted.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/output/no_score.hpp"
#include "grading/output/stories.hpp"
#include "grading/output/tool_command.hpp"
#include "grading/output/worst_items.hpp"
#include "grading/scores/metric_names.hpp"

// The scores as an archive has them: what pages, figures and programs of others read.

namespace lensbench::grading {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// A column of the scores and the member of an estimate that it shows.
struct Number {
  const char* name;
  double Estimate::*member;
  const char* meaning;
};

constexpr Number kNumbers[] = {
    {"value", &Estimate::value, "score over all tasks (NaN: the entry does not have this metric)"},
    {"low", &Estimate::low, "lower end of its 95 % interval (NaN: no interval)"},
    {"high", &Estimate::high, "upper end of its 95 % interval (NaN: no interval)"},
    {"random", &Estimate::random, "median of random scores (NaN: not comparable)"},
    {"random_low", &Estimate::random_low, "lower end of their 95 % band (NaN: not comparable)"},
    {"random_high", &Estimate::random_high, "upper end of their 95 % band (NaN: not comparable)"},
    {"shuffled", &Estimate::shuffled, "score on shuffled models (NaN: not asked)"},
    {"shuffled_low", &Estimate::shuffled_low, "lower end of its 95 % interval (NaN: not asked)"},
    {"shuffled_high", &Estimate::shuffled_high, "upper end of its 95 % interval (NaN: not asked)"},
    {"difference", &Estimate::difference, "value minus shuffled (NaN: not asked)"},
    {"difference_low", &Estimate::difference_low,
     "lower end of its 95 % interval, on the same draws (NaN: not asked)"},
    {"difference_high", &Estimate::difference_high,
     "upper end of its 95 % interval, on the same draws (NaN: not asked)"},
    {"permuted", &Estimate::permuted,
     "mean with members exchanged within kinds (NaN: the metric does not depend on it)"},
    {"components", &Estimate::components,
     "what principal components of the tokens reach (NaN: it is not about features)"},
    {"tokens", &Estimate::tokens,
     "what tokens as directions reach, as many as were found (NaN: it is not about features)"},
    {"worse", &Estimate::worse,
     "how much worse than the best entry of the question on common tasks (NaN: not compared)"},
    {"worse_low", &Estimate::worse_low,
     "lower end of its 95 % interval, on the same draws (NaN: not compared)"},
    {"worse_high", &Estimate::worse_high,
     "upper end of its 95 % interval, on the same draws (NaN: not compared)"}};

struct Group {
  TableKind kind;
  const char* name;
};

/// In the order in which they are printed.
constexpr Group kGroups[] = {{TableKind::effects, "components"},
                             {TableKind::edges, "edges"},
                             {TableKind::stream, "places of the stream"},
                             {TableKind::probability, "probability at each layer"},
                             {TableKind::rank, "rank at each layer"},
                             {TableKind::layer, "layer of the answer"},
                             {TableKind::distribution, "distribution of each token"},
                             {TableKind::attention, "attention"},
                             {TableKind::presence, "presence"},
                             {TableKind::features, "features"}};

std::string group_of(const Entry& entry) {
  for (const Group& group : kGroups)
    if (entry.kind == group.kind) return group.name;
  return "";
}

/// Metrics that an entry has, the headline of the first group first.
std::vector<std::string> metrics_of_all(const Grades& grades) {
  std::vector<std::string> names;
  for (const Group& group : kGroups)
    for (const Entry& entry : grades.entries) {
      if (entry.kind != group.kind) continue;
      for (const Estimate& estimate : entry.estimates)
        if (std::find(names.begin(), names.end(), estimate.name) == names.end())
          names.push_back(estimate.name);
    }
  return names;
}

/// Tool and claim; the settings, too, where two entries would have one name.
std::vector<std::string> labels_of(const Grades& grades) {
  std::vector<std::string> labels;
  labels.reserve(grades.entries.size());
  for (const Entry& entry : grades.entries)
    labels.push_back(entry.tool + " " + entry.claim +
                     (entry.kind == TableKind::stream ? " (stream)" : ""));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (std::count(labels.begin(), labels.end(), labels[i]) > 1 &&
        !grades.entries[i].settings.empty())
      labels[i] += " (" + grades.entries[i].settings + ")";
  return labels;
}

template <class Text>
std::vector<std::string> texts_of(const Grades& grades, Text text) {
  std::vector<std::string> texts;
  texts.reserve(grades.entries.size());
  for (const Entry& entry : grades.entries) texts.push_back(text(entry));
  return texts;
}

void add_numbers(Dataset& dataset, const Grades& grades, const std::vector<std::string>& metrics) {
  const auto rows = static_cast<std::int64_t>(grades.entries.size());
  for (const Number& number : kNumbers) {
    at::Tensor values = at::full({rows, std::int64_t(metrics.size())}, kUnknown, at::kDouble);
    auto cells = values.accessor<double, 2>();
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::size_t m = 0; m < metrics.size(); ++m)
        if (const Estimate* found =
                find_estimate(grades.entries[static_cast<std::size_t>(i)], metrics[m]))
          cells[i][std::int64_t(m)] = (*found).*number.member;
    dataset.add(number.name, {"entry", "metric"}, values, "1", number.meaning);
    dataset.set_attribute(number.name, "view", std::string("grades"));
  }
}

void add_stories(Dataset& dataset, const Grades& grades, const GradeRequest& request) {
  std::vector<std::string> stories(grades.entries.size()), commands(grades.entries.size());
  for (const Story& story : stories_of(grades)) {
    std::string& text = stories[story.entry];
    text += (text.empty() ? "" : "; ") + story.title + ": " + story.seen;
    if (commands[story.entry].empty())
      commands[story.entry] = command_of(grades, request, story.entry, story.task);
  }
  for (std::size_t i = 0; i < commands.size(); ++i)
    if (const auto worst = worst_items(grades.entries[i], 1); commands[i].empty() && !worst.empty())
      commands[i] = command_of(grades, request, i, worst.front().task);
  dataset.add("story", "entry", std::move(stories), "what the entry shows of the limits of tools");
  dataset.add("command", "entry", std::move(commands),
              "what shows the first story, or the worst item without one");
}

double largest_of(const Grades& grades, const char* metric) {
  double largest = kUnknown;
  for (const Entry& entry : grades.entries)
    if (const Estimate* found = find_estimate(entry, metric))
      largest = std::fmax(largest, found->value);
  return largest;
}

/// Members of tasks whose effects are known and below a tenth of the gap.
double idle_members(const Grades& grades) {
  constexpr double kClear = 0.1;
  double idle = 0;
  for (const TaskPlace& place : grades.tasks) {
    const Task& task = grades.models[place.model].truth.tasks[place.task];
    if (!task.effects || !task.metric) continue;
    const auto total = task.effects->values.find("total"),
               restore = task.effects->values.find("restore");
    if (total == task.effects->values.end() || restore == task.effects->values.end()) continue;
    const double gap = std::abs(gap_of(task));
    const auto all = all_of(task.prompts.size());
    const auto noised = means_over(total->second, all), restored = means_over(restore->second, all);
    for (std::size_t i = 0; i < noised.size(); ++i) {
      const auto member = task.membership.find(task.effects->components[i]);
      if (member != task.membership.end() && member->second == Membership::member &&
          std::abs(noised[i]) < kClear * gap && std::abs(restored[i]) < kClear * gap)
        idle += 1;
    }
  }
  return idle;
}

/// Numbers of all truths that their checkpoints do not have; NaN where none could be computed
/// again.
double wrong_numbers(const Grades& grades) {
  double wrong = kUnknown;
  for (const GradedModel& model : grades.models) {
    try {
      const CheckedTruth checked =
          check_planted(model.truth, read_exact_model(Checkpoint(model.folder)));
      wrong = (std::isnan(wrong) ? 0 : wrong) + static_cast<double>(checked.wrong.size());
    } catch (const InputError&) {
      // A family without a forward in float64.
    }
  }
  return wrong;
}

void add_receipts(Dataset& dataset, const Grades& grades, const GradeRequest& request) {
  // Models that were planted for the grading have just been measured.
  if (const double wrong = request.planted.empty() ? wrong_numbers(grades) : kUnknown;
      !std::isnan(wrong))
    dataset.receipts.push_back(make_receipt("truth_matches_checkpoint", wrong, 0,
                                            "numbers that plant --check finds to be others"));
  dataset.receipts.push_back(make_receipt("members_have_effects", idle_members(grades), 0,
                                          "members with less than a tenth of the gap"));
  if (const double null = largest_of(grades, "null"); !std::isnan(null))
    dataset.receipts.push_back(make_receipt("null_is_zero", null, 1e-4,
                                            "largest claim of an effect of nothing, of the gap"));
  if (const double gauge = largest_of(grades, "gauge"); !std::isnan(gauge))
    dataset.receipts.push_back(make_receipt(
        "gauge_invariant", gauge, 1e-3, "float32 activations of which a constant is the largest"));
}

Dataset scores_of(const Grades& grades, const GradeRequest& request) {
  Dataset dataset;
  const auto metrics = metrics_of_all(grades);
  add_numbers(dataset, grades, metrics);
  dataset.add("tool", "entry", texts_of(grades, [](const Entry& one) { return one.tool; }),
              "name of the tool");
  dataset.add("settings", "entry", texts_of(grades, [](const Entry& one) { return one.settings; }),
              "settings of the tool, empty for its defaults");
  dataset.add("claim", "entry", texts_of(grades, [](const Entry& one) { return one.claim; }),
              "what the tool claims");
  dataset.add("question", "entry", texts_of(grades, group_of),
              "what the claim is about: entries with one question are compared");
  std::vector<std::string> better;
  better.reserve(metrics.size());
  for (const std::string& metric : metrics)
    better.emplace_back(larger_is_better(metric) ? "larger" : "smaller");
  dataset.add("better", "metric", std::move(better), "which values of the metric are better");
  dataset.set_attribute("better", "view", std::string("grades"));
  add_stories(dataset, grades, request);
  dataset.add_coordinate("entry", labels_of(grades), "a tool and one of its claims");
  dataset.add_coordinate("metric", metrics, "name of the score (docs/grading.md)");
  add_receipts(dataset, grades, request);
  return dataset;
}

Dataset without_score(const Grades& grades) {
  std::vector<std::string> tools, states, reasons;
  std::vector<std::int64_t> models, tasks;
  for (const Unscored& one : grades.unscored) {
    tools.push_back(one.tool + (one.settings.empty() ? "" : " (" + one.settings + ")"));
    states.emplace_back(state_of(one.why));
    reasons.push_back(one.reason);
    models.push_back(static_cast<std::int64_t>(one.models));
    tasks.push_back(static_cast<std::int64_t>(one.tasks));
  }
  Dataset dataset;
  dataset.add("tool", "row", std::move(tools), "name of the tool, with settings");
  dataset.add("state", "row", std::move(states), "why it has no score");
  dataset.add("models", {"row"}, at::tensor(models, at::kLong).to(at::kInt), "1",
              "models of which it refused every task");
  dataset.add("tasks", {"row"}, at::tensor(tasks, at::kLong).to(at::kInt), "1",
              "refused tasks of other models");
  dataset.add("reason", "row", std::move(reasons), "its sentence, or the claim");
  for (const char* name : {"tool", "state", "models", "tasks", "reason"})
    dataset.set_attribute(name, "view", std::string("table"));
  return dataset;
}

/// The tables as a terminal of the usual width shows them without colours.
Dataset report_of(const Grades& grades, const GradeRequest& request) {
  Dataset dataset;
  dataset.add("text", "line", grade_text(grades, request, TerminalStyle{.unicode = true}),
              "the tables as they are printed");
  return dataset;
}

}  // namespace

std::map<std::string, Dataset> summaries_of(const Grades& grades, const GradeRequest& request) {
  std::map<std::string, Dataset> summaries;
  summaries[kReport] = report_of(grades, request);
  if (!grades.entries.empty()) summaries[kScores] = scores_of(grades, request);
  if (!grades.unscored.empty()) summaries[kWithoutScore] = without_score(grades);
  return summaries;
}

}  // namespace lensbench::grading
