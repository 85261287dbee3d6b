#include "behaviour.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <cstdio>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

namespace indirect_object_identification {
namespace {

using namespace lensbench;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNotInGroup = " (NaN: no such prompt)";

/// A variable over the prompts of all cases, [prompt, ...].
at::Tensor pooled(const Summary& cases, const std::string& name) {
  std::vector<at::Tensor> parts;
  cases.for_each("prompts", [&](auto, const Dataset& one) { parts.push_back(one[name].tensor); });
  return at::cat(parts);
}

/// Whether each prompt belongs to each group, [prompt, group] bool: all, both orders, templates.
at::Tensor membership(const Summary& cases, std::int64_t n_templates) {
  const at::Tensor order = pooled(cases, "order"), index = pooled(cases, "template_index");
  std::vector<at::Tensor> groups = {order.ge(0), order.eq(0), order.eq(1)};
  for (std::int64_t i = 0; i < n_templates; ++i) groups.push_back(index.eq(i));
  return at::stack(groups, 1);
}

/// Statistics of a number of every prompt, by group. \param values  [prompt, ...]
void add_by_group(Dataset& table, const Variable& like, std::vector<std::string> dims,
                  const at::Tensor& values, const at::Tensor& members) {
  std::vector<at::Tensor> cases;
  cases.reserve(static_cast<std::size_t>(values.size(0)));
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    std::vector<at::Tensor> groups;
    groups.reserve(static_cast<std::size_t>(members.size(1)));
    for (std::int64_t group = 0; group < members.size(1); ++group)
      groups.push_back(members[i][group].item<bool>()
                           ? values[i].to(at::kDouble)
                           : at::full(values[i].sizes(), kMissing, at::kDouble));
    cases.push_back(at::stack(groups));
  }
  dims.insert(dims.begin(), "group");
  statistics::add_over_cases(table, like, dims, cases);
  statistics::add_intervals(table, like, dims, cases);
}

std::string fixed_text(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double share) {
  return fixed_text(100 * share, "%.0f %%");
}

double at_first(const Dataset& table, const char* name) {
  return table[name].tensor[0].item<double>();
}

double bound_of(const Dataset& table, const char* name, int bound) {
  return table[name].tensor[bound][0].item<double>();
}

}  // namespace

double accuracy_of(const Summary& cases) {
  return pooled(cases, "logit_difference").gt(0).to(at::kDouble).mean().item<double>();
}

namespace {

void add_differences(Dataset& table, const Summary& cases, const at::Tensor& members) {
  const at::Tensor difference = pooled(cases, "logit_difference");
  add_by_group(table,
               {.name = "accuracy",
                .long_name = std::string("share of prompts in which the logit of A is larger than "
                                         "that of B") +
                             kNotInGroup},
               {}, difference.gt(0), members);
  add_by_group(table,
               {.name = "logit_difference",
                .long_name = std::string("logit of A minus logit of B") + kNotInGroup},
               {}, difference, members);
  add_by_group(
      table,
      {.name = "corrupted_logit_difference",
       .long_name =
           std::string("the same where a third name is in place of the second B") + kNotInGroup},
      {}, pooled(cases, "corrupted_logit_difference"), members);
}

/// What the model says of the whole vocabulary.
void add_choices(Dataset& table, const Summary& cases, const at::Tensor& members) {
  const at::Tensor first = pooled(cases, "first_choice_id");
  const at::Tensor is_a = first.eq(pooled(cases, "a_id")), is_b = first.eq(pooled(cases, "b_id"));
  add_by_group(table,
               {.name = "first_choice",
                .long_name = std::string("share of prompts with this first choice") + kNotInGroup},
               {"choice"}, at::stack({is_a, is_b, is_a.logical_or(is_b).logical_not()}, 1),
               members);
  add_by_group(table,
               {.name = "rank",
                .long_name = std::string("1 + number of tokens with a larger logit") + kNotInGroup},
               {"name"}, pooled(cases, "rank"), members);
  add_by_group(table,
               {.name = "log_probability",
                .units = "nats",
                .long_name = std::string("ln probability of the name") + kNotInGroup},
               {"name"}, pooled(cases, "log_probability"), members);
}

}  // namespace

Dataset behaviour_of(const Summary& cases) {
  const auto templates = cases.dataset(cases.cases().front(), "prompts")["template"].strings;
  std::vector<std::string> groups = {"all", "ABBA", "BABA"};
  std::vector<std::string> texts = {"all prompts", "A is named before B", "B is named before A"};
  for (std::size_t i = 0; i < templates.size(); ++i) {
    groups.push_back("template " + std::to_string(i + 1));
    texts.push_back(templates[i]);
  }
  const at::Tensor members = membership(cases, std::ssize(templates));
  Dataset table;
  table.add_coordinate("group", groups, "prompts that are averaged");
  table.add_coordinate("name", std::vector<std::string>{"A", "B"},
                       "A: the right name, B: the one that is there twice");
  table.add_coordinate("choice", std::vector<std::string>{"A", "B", "other"},
                       "the model's first choice of the whole vocabulary");
  add_differences(table, cases, members);
  add_choices(table, cases, members);
  table.add("prompts", {"group"}, members.sum(0), "1", "number of prompts");
  table.add("group_text", "group", texts, "what the group is");
  return table;
}

namespace {

/// What the prompts say, in the order of the axis `statement`.
std::vector<std::string> findings_of(const Dataset& table, double accuracy, std::int64_t n,
                                     double minimum, const std::string& heads) {
  const auto median_rank = [&](int name) {
    return fixed_text(table["rank_quantile"].tensor[1][0][name].item<double>(), "%.4g");
  };
  const auto choice = [&](int i) {
    return percent(table["first_choice_mean"].tensor[0][i].item<double>());
  };
  return {std::string(accuracy >= minimum ? "yes" : "no") + ": " + percent(minimum) +
              " right is the minimum",
          percent(accuracy) + " of " + std::to_string(n) + " (" +
              percent(bound_of(table, "accuracy_interval", 0)) + " to " +
              percent(bound_of(table, "accuracy_interval", 1)) + ")",
          fixed_text(at_first(table, "logit_difference_mean"), "%.3f") + " (" +
              fixed_text(bound_of(table, "logit_difference_interval", 0), "%.3f") + " to " +
              fixed_text(bound_of(table, "logit_difference_interval", 1), "%.3f") + ")",
          choice(0) + ", " + choice(1) + ", " + choice(2),
          median_rank(0) + " and " + median_rank(1),
          heads};
}

}  // namespace

void add_findings(Dataset& table, double minimum, const std::string& heads) {
  const double accuracy = at_first(table, "accuracy_mean");
  const auto n = table["prompts"].tensor[0].item<std::int64_t>();
  const bool does = accuracy >= minimum;
  table.attributes["finding"] = std::string("the model ") + (does ? "does" : "does not do") +
                                " this task: it prefers the " + "right name in " +
                                percent(accuracy) + " of " + std::to_string(n) + " prompts, " +
                                (does ? "at least" : "below") + " the minimum_accuracy of " +
                                percent(minimum) + (does ? "" : "; its heads were not examined");
  table.add_coordinate(
      "statement",
      std::vector<std::string>{"does the model do this task?", "A has a larger logit than B",
                               "logit of A minus B", "its first choice is A, B, other",
                               "median rank of A and of B", "heads"},
      "subject of the finding");
  table.add("finding", "statement", findings_of(table, accuracy, n, minimum, heads),
            "what the prompts say");
}

}  // namespace indirect_object_identification
