#include "split.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <numeric>
#include <string>

#include "common/folds.hpp"

namespace lensbench::interchange {
namespace {

constexpr std::int64_t kTrain = 0, kTest = 1, kLeftOut = -1, kParts = 2;

/// Groups of pairs that share prompts, directly or through other pairs.
std::vector<std::int64_t> connected(const PromptNumbers& prompts) {
  std::vector<std::int64_t> parent(static_cast<std::size_t>(prompts.count));
  std::iota(parent.begin(), parent.end(), std::int64_t{0});
  const auto root = [&](std::int64_t prompt) {
    while (parent[static_cast<std::size_t>(prompt)] != prompt)
      prompt = parent[static_cast<std::size_t>(prompt)];
    return prompt;
  };
  for (std::size_t i = 0; i < prompts.base.size(); ++i) {
    // The smaller number wins, so that groups do not depend on the order of the unions.
    const std::int64_t a = root(prompts.base[i]), b = root(prompts.source[i]);
    parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }
  std::vector<std::int64_t> groups;
  groups.reserve(prompts.base.size());
  for (const std::int64_t prompt : prompts.base) groups.push_back(root(prompt));
  return groups;
}

std::int64_t largest(const std::vector<std::int64_t>& groups) {
  std::map<std::int64_t, std::int64_t> counts;
  std::int64_t most = 0;
  for (const std::int64_t group : groups) most = std::max(most, ++counts[group]);
  return most;
}

/// Deals out prompts. The value of a prompt is that of the first pair whose source it is.
std::vector<std::int64_t> split_prompts(const PromptNumbers& prompts,
                                        const std::vector<std::int64_t>& values,
                                        std::int64_t n_values, Philox& random) {
  std::vector<std::int64_t> value_of(static_cast<std::size_t>(prompts.count), n_values);
  for (std::size_t i = prompts.source.size(); i-- > 0;)
    value_of[static_cast<std::size_t>(prompts.source[i])] = values[i];
  std::vector<std::int64_t> groups(value_of.size());
  std::iota(groups.begin(), groups.end(), std::int64_t{0});
  const auto side = deal(value_of, groups, n_values + 1, kParts, random);
  std::vector<std::int64_t> part;
  part.reserve(prompts.base.size());
  for (std::size_t i = 0; i < prompts.base.size(); ++i) {
    const std::int64_t own = side[static_cast<std::size_t>(prompts.base[i])];
    part.push_back(own == side[static_cast<std::size_t>(prompts.source[i])] ? own : kLeftOut);
  }
  return part;
}

/// Parts that the pairs have themselves; empty if they have none.
std::vector<std::int64_t> given_parts(const std::vector<InterchangePair>& pairs) {
  std::vector<std::int64_t> part;
  for (const InterchangePair& pair : pairs)
    if (pair.in_test) part.push_back(*pair.in_test ? kTest : kTrain);
  if (!part.empty() && part.size() != pairs.size())
    throw UsageError("interchange: " + std::to_string(part.size()) + " of " +
                     std::to_string(pairs.size()) +
                     " pairs have a part of their own; give all of them one, or none");
  if (const std::int64_t both = part.empty() ? 0 : prompts_on_both_sides(pairs, part); both > 0)
    throw UsageError("interchange: " + std::to_string(both) +
                     " prompts are in a training pair and in a test pair; give each prompt to one "
                     "part");
  return part;
}

}  // namespace

PromptNumbers number_prompts(const std::vector<InterchangePair>& pairs) {
  PromptNumbers prompts;
  std::map<std::vector<std::int64_t>, std::int64_t> known;
  const auto number_of = [&](const Tokens& tokens) {
    return known.emplace(tokens.ids, std::ssize(known)).first->second;
  };
  for (const InterchangePair& pair : pairs) prompts.base.push_back(number_of(pair.base));
  for (const InterchangePair& pair : pairs) prompts.source.push_back(number_of(pair.source));
  prompts.count = std::ssize(known);
  return prompts;
}

std::vector<std::int64_t> split_pairs(const std::vector<InterchangePair>& pairs,
                                      const std::vector<std::int64_t>& values,
                                      std::int64_t n_values, Philox& random) {
  std::vector<std::int64_t> part = given_parts(pairs);
  if (part.empty()) {
    const PromptNumbers prompts = number_prompts(pairs);
    const auto groups = connected(prompts);
    part = 2 * largest(groups) <= std::ssize(groups)
               ? deal(values, groups, n_values, kParts, random)
               : split_prompts(prompts, values, n_values, random);
  }
  for (const auto& [number, name] : {std::pair{kTrain, "training"}, {kTest, "test"}})
    if (std::count(part.begin(), part.end(), number) == 0)
      throw UsageError("interchange: no " + std::string(name) + " pair is left of " +
                       std::to_string(pairs.size()) +
                       ", as no prompt may be in both parts; give more pairs of other prompts, or "
                       "a part in each line");
  return part;
}

std::int64_t prompts_on_both_sides(const std::vector<InterchangePair>& pairs,
                                   const std::vector<std::int64_t>& part) {
  const PromptNumbers prompts = number_prompts(pairs);
  std::vector<std::int64_t> sides(static_cast<std::size_t>(prompts.count), 0);
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == kLeftOut) continue;
    for (const std::int64_t prompt : {prompts.base[i], prompts.source[i]})
      sides[static_cast<std::size_t>(prompt)] |= part[i] == kTest ? 2 : 1;
  }
  return std::count(sides.begin(), sides.end(), 3);
}

}  // namespace lensbench::interchange
