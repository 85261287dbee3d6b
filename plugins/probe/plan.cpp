#include "plan.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <map>
#include <optional>
#include <set>

#include "common/activation_rows.hpp"
#include "common/folds.hpp"
#include "options.hpp"

namespace lensbench::probing {
namespace {

constexpr std::int64_t kMostClasses = 256;

std::optional<std::int64_t> whole(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return value;
}

/// Names of the labels in order: as numbers if all are whole numbers, else as texts.
std::vector<std::string> class_names(const std::vector<ProbeExample>& examples) {
  std::set<std::string> found;
  for (const ProbeExample& example : examples) found.insert(example.label);
  std::vector<std::string> names(found.begin(), found.end());
  if (std::all_of(names.begin(), names.end(), [](const auto& name) { return whole(name); }))
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return *whole(a) < *whole(b); });
  if (names.size() < 2 || std::ssize(names) > kMostClasses)
    throw UsageError("probe: found " + std::to_string(names.size()) + " different labels in " +
                     std::to_string(examples.size()) + " examples; expected 2 to " +
                     std::to_string(kMostClasses));
  return names;
}

/// Numbers of groups in order of their first example, and a name for each.
void set_groups(ProbePlan& plan, const std::vector<ProbeExample>& examples) {
  std::map<std::string, std::int64_t> known;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const ProbeExample& example = examples[i];
    std::string key, name;
    if (!example.group.empty() || !example.pair.empty()) {
      name = example.group.empty() ? example.pair : example.group;
      key = (example.group.empty() ? "pair " : "group ") + name;
    } else {
      name = "tokens of example " + std::to_string(i);
      key = "ids";
      for (const std::int64_t id : example.tokens.ids) key += ' ' + std::to_string(id);
    }
    const auto [entry, is_new] = known.emplace(key, std::ssize(plan.group_names));
    if (is_new) plan.group_names.push_back(name);
    plan.groups.push_back(entry->second);
  }
}

void set_pairs(ProbePlan& plan, const std::vector<ProbeExample>& examples) {
  std::map<std::string, std::vector<std::size_t>> members;
  std::size_t with_pair = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].pair.empty()) continue;
    members[examples[i].pair].push_back(i);
    ++with_pair;
  }
  if (with_pair == 0) return;
  if (with_pair != examples.size())
    throw UsageError("probe: " + std::to_string(examples.size() - with_pair) +
                     " examples have no pair and others have; give all of them a pair, or none");
  for (const auto& [name, rows] : members)
    if (rows.size() != 2 || examples[rows[0]].label == examples[rows[1]].label)
      throw UsageError("probe: pair '" + name + "' has " + std::to_string(rows.size()) +
                       " examples; expected two with different labels");
  for (const ProbeExample& example : examples) plan.pairs.push_back(example.pair);
}

/// Position of an example, counted from its start.
std::int64_t position_of(const ProbeExample& example, std::size_t number,
                         const std::string& position) {
  if (example.position && position != "marker")
    throw UsageError("probe: example " + std::to_string(number) +
                     " has a position, which position=" + position +
                     " does not read; give position=marker, or leave it out");
  if (position == "mean") return -1;
  std::int64_t index = position == "last" ? -1 : 0;
  if (position == "marker") {
    if (!example.position)
      throw UsageError("probe: example " + std::to_string(number) +
                       " has no position, which position=marker reads; give it one");
    index = *example.position;
  } else if (const auto given = index_of_position(position)) {
    index = *given;
  }
  const std::int64_t length = example.tokens.size(),
                     from_start = index < 0 ? index + length : index;
  if (from_start < 0 || from_start >= length)
    throw UsageError("probe: position " + std::to_string(index) + " is outside of example " +
                     std::to_string(number) + ", which has " + std::to_string(length) +
                     " tokens; give a position inside");
  return from_start;
}

void check_lengths(const Model& model, const std::vector<ProbeExample>& examples) {
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::int64_t length = examples[i].tokens.size();
    if (length < 1 || length > model.spec().max_positions)
      throw UsageError("probe: example " + std::to_string(i) + " has " + std::to_string(length) +
                       " tokens; expected 1 to " + std::to_string(model.spec().max_positions));
  }
}

/// Every class must be left when any fold is held out.
void check_folds(const ProbePlan& plan) {
  if (std::ssize(plan.group_names) < plan.options.folds)
    throw UsageError("probe: folds is " + std::to_string(plan.options.folds) + " and there are " +
                     std::to_string(plan.group_names.size()) +
                     " groups; give at most as many folds, or more groups");
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold) {
    const auto rest = rows_outside(plan.fold_of, fold);
    if (!has_all_classes(at_rows(plan.labels, rest), plan.n_classes()))
      throw UsageError("probe: without the rows of fold " + std::to_string(fold) +
                       " a label is missing; give every label in at least two groups of examples");
  }
}

InnerSplit inner_split(const ProbePlan& plan, const std::vector<std::int64_t>& rows,
                       Philox& random) {
  const auto labels = at_rows(plan.labels, rows), groups = at_rows(plan.groups, rows);
  const std::int64_t parts = std::min<std::int64_t>(
      plan.options.folds, std::ssize(std::set<std::int64_t>(groups.begin(), groups.end())));
  if (parts < 2) return {};
  const auto part_of = deal(labels, groups, plan.n_classes(), parts, random);
  InnerSplit split;
  for (const std::int64_t i : rows_outside(part_of, 0))
    split.fitted.push_back(rows[static_cast<std::size_t>(i)]);
  for (const std::int64_t i : rows_in(part_of, 0))
    split.chosen_on.push_back(rows[static_cast<std::size_t>(i)]);
  if (!has_all_classes(at_rows(plan.labels, split.fitted), plan.n_classes())) return {};
  return split;
}

void set_splits(ProbePlan& plan, std::uint64_t seed) {
  Philox random(seed, kFoldStream);
  plan.fold_of = deal(plan.labels, plan.groups, plan.n_classes(), plan.options.folds, random);
  check_folds(plan);
  Philox inner(seed, kInnerStream);
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold)
    plan.inner.push_back(inner_split(plan, rows_outside(plan.fold_of, fold), inner));
  plan.inner.push_back(inner_split(plan, rows_outside(plan.fold_of, -1), inner));
}

/// Labels of the control tasks (Hewitt and Liang, arXiv:1909.03368).
void set_control_labels(ProbePlan& plan, std::uint64_t seed) {
  Philox shuffle(seed, kShuffleStream);
  plan.shuffled = at_rows(plan.labels, shuffled(plan.examples(), shuffle));
  if (plan.options.position == "mean") return;
  std::map<std::int64_t, std::int64_t> label_of;
  for (std::size_t i = 0; i < plan.tokens.size(); ++i)
    label_of.emplace(plan.tokens[i].ids[static_cast<std::size_t>(plan.positions[i])], 0);
  if (std::ssize(label_of) < plan.n_classes()) return;
  // Dealt in a random order, so that every label has about as many types.
  Philox random(seed, kTypeStream);
  const auto order = shuffled(std::ssize(label_of), random);
  std::size_t number = 0;
  for (auto& [id, label] : label_of) label = order[number++] % plan.n_classes();
  for (std::size_t i = 0; i < plan.tokens.size(); ++i)
    plan.of_types.push_back(
        label_of.at(plan.tokens[i].ids[static_cast<std::size_t>(plan.positions[i])]));
}

/// The stream that a point is; -1: it is another activation.
std::int64_t layer_of(const TransformerSpec& spec, const HookPoint& point) {
  const auto is = [&](const std::string& name) {
    return point.name == name ||
           std::find(point.aliases.begin(), point.aliases.end(), name) != point.aliases.end();
  };
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer) {
    if (is(residual_hook(spec, layer))) return layer;
    if (layer < spec.n_layers && is("blocks." + std::to_string(layer) + ".hook_resid_pre"))
      return layer;
  }
  return -1;
}

}  // namespace

bool ProbePlan::controls(const std::string& name) const {
  return std::find(options.controls.begin(), options.controls.end(), name) !=
         options.controls.end();
}

ProbePlan make_plan(const Model& model, const std::vector<ProbeExample>& examples,
                    const ProbeOptions& options, std::uint64_t seed) {
  check_options(options);
  check_lengths(model, examples);
  ProbePlan plan;
  plan.options = options;
  plan.settings = {.kind = kind_of(options.kind),
                   .sparse_k = options.sparse_k,
                   .standardize = options.standardize};
  plan.points = tracing::row_points("probe", model.spec(), options.hooks);
  plan.width = tracing::common_width("probe", model, plan.points);
  for (const HookPoint& point : plan.points) plan.layers.push_back(layer_of(model.spec(), point));
  plan.classes = class_names(examples);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto found = std::find(plan.classes.begin(), plan.classes.end(), examples[i].label);
    plan.labels.push_back(found - plan.classes.begin());
    plan.tokens.push_back(examples[i].tokens);
    plan.positions.push_back(position_of(examples[i], i, options.position));
  }
  set_pairs(plan, examples);
  set_groups(plan, examples);
  set_splits(plan, seed);
  set_control_labels(plan, seed);
  if (options.neurons && model.spec().dense_blocks > 0)
    throw UsageError(
        "probe: neurons compares those of every block, but only the first blocks of '" +
        model.spec().family + "' have neurons that every token uses; leave out neurons");
  if (options.neurons && plan.n_classes() != 2)
    throw UsageError("probe: neurons compares two labels, found " +
                     std::to_string(plan.n_classes()) + "; leave it out, or give two labels");
  return plan;
}

}  // namespace lensbench::probing
