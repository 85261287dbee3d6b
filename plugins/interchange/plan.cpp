#include "plan.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <map>
#include <set>

#include "common/activation_rows.hpp"
#include "common/text_alone.hpp"
#include "directions.hpp"
#include "labels.hpp"
#include "options.hpp"
#include "split.hpp"

namespace lensbench::interchange {
namespace {

/// One point of each block, of the blocks that are asked for.
std::vector<HookPoint> exchanged_points(const TransformerSpec& spec,
                                        const InterchangeOptions& options) {
  std::map<std::int64_t, HookPoint> of_block;
  for (const HookPoint& point : tracing::row_points("interchange", spec, options.hook)) {
    if (point.layer < 0)
      throw UsageError("interchange: hook point '" + point.name +
                       "' is not in a block; give points of blocks, such as "
                       "blocks.*.hook_resid_post");
    const auto [entry, is_new] = of_block.emplace(point.layer, point);
    if (!is_new)
      throw UsageError("interchange: hook selects '" + entry->second.name + "' and '" + point.name +
                       "' of one block; give one point of each block");
  }
  std::vector<HookPoint> points;
  for (const auto& [block, point] : of_block)
    if (options.layers.empty()) points.push_back(point);
  std::set<std::int64_t> given;
  for (const std::int64_t block : options.layers) {
    if (!of_block.contains(block))
      throw UsageError("interchange: hook does not have a point in block " + std::to_string(block) +
                       " of " + std::to_string(spec.n_layers) + "; give one of its blocks");
    if (!given.insert(block).second)
      throw UsageError("interchange: layers has " + std::to_string(block) + " twice; give it once");
    points.push_back(of_block.at(block));
  }
  return points;
}

/// A part of a pair in messages.
std::string subject_of(const InterchangePlan& plan, std::size_t pair, const std::string& part) {
  if (plan.where.empty()) return "interchange: " + part + " of pair " + std::to_string(pair);
  return plan.where[pair] + ": " + part;
}

void check_prompts(const Model& model, const InterchangePlan& plan) {
  const std::int64_t most = model.spec().max_positions, vocabulary = model.spec().vocab_size;
  for (std::size_t i = 0; i < plan.pairs.size(); ++i) {
    const InterchangePair& pair = plan.pairs[i];
    for (const auto& [name, prompt] : {std::pair{"base", &pair.base}, {"source", &pair.source}}) {
      const std::string who = subject_of(plan, i, name);
      tracing::refuse_pictures("interchange", *prompt);
      if (prompt->size() < 1 || prompt->size() > most)
        throw UsageError(who + " has " + std::to_string(prompt->size()) +
                         " tokens; expected 1 to " + std::to_string(most) +
                         "; give a prompt of that length");
      for (const std::int64_t position : plan.options.position)
        resolve_position(who, position, prompt->size());
    }
    if (pair.base.ids == pair.source.ids)
      throw UsageError(subject_of(plan, i, "base and source") +
                       " are the same prompt, so that nothing is exchanged; give two");
    if (pair.expected < 0 || pair.expected >= vocabulary)
      throw UsageError(subject_of(plan, i, "expected") + " is token " +
                       std::to_string(pair.expected) + ", and the vocabulary has " +
                       std::to_string(vocabulary) + " tokens; give one of its tokens");
  }
}

/// Gives each value a number, in order of first appearance. \return number of values
std::int64_t number_values(InterchangePlan& plan) {
  std::map<std::string, std::int64_t> known;
  for (const InterchangePair& pair : plan.pairs) {
    // A name may look like an id, so that kinds of names are kept apart.
    const std::string name =
        pair.value.empty() ? "token " + std::to_string(pair.expected) : "value " + pair.value;
    plan.values.push_back(known.emplace(name, std::ssize(known)).first->second);
    plan.expected.push_back(pair.expected);
  }
  return std::ssize(known);
}

/// Ranks that the pairs allow.
void check_ranks(const InterchangePlan& plan) {
  const std::int64_t rank = plan.options.rank;
  const auto check = [&](const std::string& basis, std::int64_t count, const std::string& counted) {
    if (!has_basis(plan.options, basis) || rank < count) return;
    const std::string found = "basis=" + basis + " finds one dimension less than there are " +
                              counted + " (found " + std::to_string(count) + ")";
    const std::string more = "at least " + std::to_string(rank + 1) + " " + counted;
    if (count < 2)
      throw UsageError("interchange: " + found + ", so it finds none; give " + more +
                       ", or another basis");
    throw UsageError("interchange: rank is " + std::to_string(rank) + ", and " + found +
                     "; give a rank of at most " + std::to_string(count - 1) + ", or " + more);
  };
  std::set<std::int64_t> values;
  for (const std::int64_t pair : plan.train)
    values.insert(plan.values[static_cast<std::size_t>(pair)]);
  check("mean_difference", std::ssize(values), "different values in the training pairs");
  check("principal", std::ssize(plan.train), "training pairs");
  if (rank > plan.width)
    throw UsageError("interchange: rank is " + std::to_string(rank) + ", and the activation has " +
                     std::to_string(plan.width) + " numbers; give at most as many");
}

void check_neurons(const InterchangePlan& plan) {
  const auto& neurons = plan.options.neurons;
  if (!has_basis(plan.options, "neurons")) return;
  const std::set<std::int64_t> different(neurons.begin(), neurons.end());
  if (std::ssize(different) != plan.options.rank || different.size() != neurons.size())
    throw UsageError("interchange: neurons has " + std::to_string(different.size()) +
                     " different numbers of " + std::to_string(neurons.size()) + ", and rank is " +
                     std::to_string(plan.options.rank) + "; give as many, each once");
  if (*different.begin() < 0 || *different.rbegin() >= plan.width)
    throw UsageError("interchange: neurons has numbers from " + std::to_string(*different.begin()) +
                     " to " + std::to_string(*different.rbegin()) + "; expected 0 to " +
                     std::to_string(plan.width - 1));
}

void set_controls(InterchangePlan& plan, std::int64_t vocabulary) {
  plan.arbitrary.assign(plan.pairs.size(), -1);
  if (has_control(plan.options, "arbitrary_labels")) {
    Philox random(plan.seed, kLabelStream);
    plan.arbitrary = arbitrary_labels(plan.expected, vocabulary, random);
  }
}

}  // namespace

Place InterchangePlan::place(std::int64_t number) const {
  const std::int64_t positions = std::ssize(options.position);
  const auto point = static_cast<std::size_t>(number / positions);
  return {.number = number,
          .point = point,
          .hook = points[point],
          .position = options.position[static_cast<std::size_t>(number % positions)]};
}

InterchangePlan make_plan(const Model& model, const PlacedPairs& placed,
                          const InterchangeOptions& options, std::uint64_t seed) {
  check_options(options);
  const std::vector<InterchangePair>& pairs = placed.pairs;
  if (pairs.empty()) throw UsageError("interchange: the list of pairs is empty; give at least two");
  InterchangePlan plan;
  plan.options = options;
  plan.pairs = pairs;
  plan.where = placed.where;
  plan.seed = seed;
  check_prompts(model, plan);
  plan.points = exchanged_points(model.spec(), options);
  plan.width = tracing::common_width("interchange", model, plan.points);
  const std::int64_t n_values = number_values(plan);
  Philox random(seed, kSplitStream);
  plan.part = split_pairs(pairs, plan.values, n_values, random);
  for (std::int64_t i = 0; i < plan.n_pairs(); ++i) {
    const std::int64_t part = plan.part[static_cast<std::size_t>(i)];
    if (part >= 0) (part == 1 ? plan.test : plan.train).push_back(i);
  }
  check_neurons(plan);
  check_ranks(plan);
  set_controls(plan, model.spec().vocab_size);
  if (has_basis(options, "probe")) {
    std::vector<std::string> names;
    for (const HookPoint& point : plan.points) names.push_back(point.name);
    plan.directions = directions_of_file(options.probe, names, plan.width, options.rank);
  }
  return plan;
}

}  // namespace lensbench::interchange
