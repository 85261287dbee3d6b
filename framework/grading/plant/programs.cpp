#include <algorithm>
#include <functional>
#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// Programs in the sense of RASP (Weiss et al., arXiv:2106.06981), compiled by hand: to select and
// aggregate is one head, the width of a selector is 1 / (1 + n) read off the first token, and maps
// of numbers are steps of neurons (Lindner et al., arXiv:2301.05062).

namespace lensbench::grading {
namespace {

/// The parts that all programs have.
struct Program {
  Wiring w;
  FillerSpaces spaces;
  Space tokens, places;

  Program(const WiringSizes& sizes, std::vector<std::string> texts, const PlanRequest& request,
          Philox& random)
      : w(sizes, std::move(texts)) {
    spaces.leak = request.leak;
    tokens = spaces.tokens = w.space(w.vocab());
    places = spaces.places = w.space(sizes.n_positions);
    for (std::int64_t token = 0; token < w.vocab(); ++token) w.embed(token, tokens[token]);
    for (std::int64_t position = 0; position < sizes.n_positions; ++position)
      w.place(position, places[position]);
    add_bigrams(w, tokens, random);
  }

  /// A dimension for each of the answers, whose tokens start at `first`.
  Space answers(std::int64_t first, std::int64_t count) {
    spaces.out = w.space(count);
    for (std::int64_t i = 0; i < count; ++i) w.unembed(spaces.out[i], first + i, 8.0);
    return spaces.out;
  }

  Terms some(std::int64_t first, std::int64_t count) const {
    return all_of({tokens[first], count});
  }

  Plan finish(std::int64_t loud_layer, std::string summary, PlantedReadout readout,
              PlannedTask task, Philox& random) {
    spaces.rest = w.take_rest();
    add_loud_decoy(w, loud_layer, spaces, random);
    add_fillers(w, spaces, random);
    Plan plan{std::move(w), std::move(summary), readout, {}, {}};
    plan.tasks.push_back(std::move(task));
    return plan;
  }
};

using Ids = std::vector<std::int64_t>;
/// The answer of a program at a position.
using Answer = std::function<std::int64_t(const Ids&, std::int64_t)>;

/// A task whose corrupted prompt is another one with another answer at the same position.
PlannedTask program_task(const std::string& summary, std::int64_t count, Philox& random,
                         const std::function<Ids(Philox&, std::int64_t)>& draw,
                         const std::vector<std::int64_t>& positions, const Answer& answer) {
  PlannedTask task;
  task.name = "change";
  task.summary = summary;
  task.prompts = draw_prompts(count, random, [&](Philox& draws) {
    PromptPair prompt;
    prompt.position = positions[draws.below(positions.size())];
    prompt.ids = draw(draws, prompt.position);
    prompt.answer = answer(prompt.ids, prompt.position);
    do {
      prompt.corrupted_ids = draw(draws, prompt.position);
      prompt.foil = answer(prompt.corrupted_ids, prompt.position);
    } while (prompt.foil == prompt.answer);
    return prompt;
  });
  return task;
}

// Share of x: <bos> a b x | none less half more all.
constexpr std::int64_t kX = 3, kNone = 4;

std::int64_t bucket(const Ids& ids, std::int64_t position) {
  const auto x = std::count(ids.begin(), ids.begin() + position + 1, kX);
  if (x == 0) return kNone;
  if (2 * x < position) return kNone + 1;
  if (2 * x == position) return kNone + 2;
  return x == position ? kNone + 4 : kNone + 3;
}

// Counts: <bos> a b c d | 1 2 3 4.
std::int64_t occurrences(const Ids& ids, std::int64_t position) {
  const std::int64_t own = ids[static_cast<std::size_t>(position)];
  return std::count(ids.begin(), ids.begin() + position + 1, own);
}

// Brackets: <bos> ( ) | open balanced broken.
constexpr std::int64_t kOpening = 1, kClosing = 2, kOpen = 3, kBalanced = 4, kBroken = 5;

std::int64_t verdict(const Ids& ids, std::int64_t position) {
  std::int64_t depth = 0;
  for (std::int64_t i = 1; i <= position; ++i) {
    depth += ids[static_cast<std::size_t>(i)] == kOpening ? 1 : -1;
    if (depth < 0) return kBroken;
  }
  return depth == 0 ? kBalanced : kOpen;
}

// Lists: <bos> five letters |; four of them, the separator, and what was answered before.
constexpr std::int64_t kLetters = 5, kItems = 4, kBar = 6, kListLength = 10;

/// <bos>, four letters, |, the answers before the asked position; the rest is |.
Ids draw_list(Philox& random) {
  Ids ids{0};
  for (std::int64_t i = 0; i < kItems; ++i)
    ids.push_back(1 + static_cast<std::int64_t>(random.below(kLetters)));
  ids.resize(static_cast<std::size_t>(kListLength), kBar);
  return ids;
}

/// The pair has equal tokens after |, so that only the list differs.
PlannedTask plan_list_task(std::int64_t count, Philox& random,
                           const std::function<Ids(Ids)>& answers) {
  PlannedTask task;
  task.name = "change";
  task.summary = "the corrupted prompt has other tokens";
  const auto listed = [&](const Ids& ids) {
    return answers({ids.begin() + 1, ids.begin() + 1 + kItems});
  };
  task.prompts = draw_prompts(count, random, [&](Philox& draws) {
    PromptPair prompt;
    const auto asked = static_cast<std::int64_t>(draws.below(kItems));
    prompt.position = 1 + kItems + asked;
    prompt.ids = draw_list(draws);
    const Ids right = listed(prompt.ids);
    std::copy(right.begin(), right.begin() + asked, prompt.ids.begin() + 2 + kItems);
    prompt.answer = right[static_cast<std::size_t>(asked)];
    do {
      const Ids other = draw_list(draws);
      prompt.corrupted_ids = prompt.ids;
      std::copy(other.begin() + 1, other.begin() + 1 + kItems, prompt.corrupted_ids.begin() + 1);
      prompt.foil = listed(other)[static_cast<std::size_t>(asked)];
    } while (prompt.foil == prompt.answer);
    return prompt;
  });
  return task;
}

std::vector<std::string> list_texts(char first) {
  std::vector<std::string> texts{"<bos>"};
  for (char i = 0; i < kLetters; ++i) texts.emplace_back(1, static_cast<char>(first + i));
  texts.emplace_back("|");
  return texts;
}

}  // namespace

Plan plan_frac_prevs(const PlanRequest& request, Philox& random) {
  Program p({.n_layers = 2, .n_heads = 2, .d_head = 24, .d_mlp = 16, .n_positions = 8},
            {"<bos>", "a", "b", "x", "none", "less", "half", "more", "all"}, request, random);
  const Space share = p.w.space(1), out = p.answers(kNone, 5);
  p.w.head(0, "fraction_of_x").want(p.some(1, 3), kSharp).move({{p.tokens[kX]}}, {{share[0]}});
  // Shares of up to seven tokens: each step is between two that occur.
  const double below[] = {0, 3.0 / 7, 1.0 / 2, 6.0 / 7}, above[] = {1.0 / 7, 1.0 / 2, 4.0 / 7, 1};
  p.w.add_constant(0, {{out[0]}});
  for (std::int64_t i = 0; i < 4; ++i)
    p.w.step(0, "buckets", {{share[0]}}, below[i], above[i], {{out[i], -1.0}, {out[i + 1]}});
  const auto draw = [](Philox& draws, std::int64_t position) {
    // As many shares of x as there are, each as often.
    const auto x = draws.below(static_cast<std::uint64_t>(position) + 1);
    const auto order = random_order(draws, position);
    Ids ids{0};
    for (const std::int64_t place : order)
      ids.push_back(static_cast<std::uint64_t>(place) < x
                        ? kX
                        : 1 + static_cast<std::int64_t>(draws.below(2)));
    while (ids.size() < 8) ids.push_back(1 + static_cast<std::int64_t>(draws.below(3)));
    return ids;
  };
  PlannedTask task = program_task("the corrupted prompt has other tokens and another bucket",
                                  request.prompts, random, draw, {6, 7}, bucket);
  task.members = {"fraction_of_x", "buckets"};
  task.layers_of_neurons = {"buckets"};
  return p.finish(1, "fraction of x among the tokens so far, in five buckets", {1, 1},
                  std::move(task), random);
}

Plan plan_hist(const PlanRequest& request, Philox& random) {
  Program p({.n_layers = 2, .n_heads = 2, .d_head = 24, .d_mlp = 16, .n_positions = 8},
            {"<bos>", "a", "b", "c", "d", "1", "2", "3", "4"}, request, random);
  const Space width = p.w.space(1), out = p.answers(5, 4), letters{p.tokens[1], 4};
  // The first token weighs as much as one equal token: its share is 1 / (1 + n).
  p.w.head(0, "same_token")
      .match(letters, letters, kSharp)
      .want({{p.tokens[0]}}, kSharp)
      .move({{p.tokens[0]}}, {{width[0]}});
  p.w.add_constant(0, {{out[3]}});
  for (std::int64_t n = 3; n >= 1; --n)
    p.w.step(0, "count", {{width[0]}}, 1.0 / static_cast<double>(n + 2),
             1.0 / static_cast<double>(n + 1), {{out[n], -1.0}, {out[n - 1]}});
  const auto draw = [](Philox& draws, std::int64_t position) {
    Ids ids{0};
    do {
      ids.resize(1);
      while (ids.size() < 8) ids.push_back(1 + static_cast<std::int64_t>(draws.below(4)));
    } while (occurrences(ids, position) > 4);
    return ids;
  };
  const auto answer = [](const Ids& ids, std::int64_t position) {
    return 4 + occurrences(ids, position);
  };
  PlannedTask task = program_task("the corrupted prompt has it another number of times",
                                  request.prompts, random, draw, {7}, answer);
  task.members = {"same_token", "count"};
  task.layers_of_neurons = {"count"};
  return p.finish(1, "how often the current token has occurred", {1, 1}, std::move(task), random);
}

Plan plan_dyck(const PlanRequest& request, Philox& random) {
  Program p({.n_layers = 3, .n_heads = 2, .d_head = 24, .d_mlp = 20, .n_positions = 9},
            {"<bos>", "(", ")", "open", "balanced", "broken"}, request, random);
  const Space depth = p.w.space(1), negative = p.w.space(1), broken = p.w.space(1);
  const Space out = p.answers(kOpen, 3);
  const Terms brackets = p.some(kOpening, 2);
  p.w.head(0, "balance")
      .want(brackets, kSharp)
      .move({{p.tokens[kOpening]}, {p.tokens[kClosing], -1.0}}, {{depth[0]}});
  // Means over at most eight brackets differ from 0 by at least an eighth.
  p.w.step(0, "negative", {{depth[0], -1.0}}, 0.0, 0.125, {{negative[0]}});
  p.w.head(1, "any_negative").want(brackets, kSharp).move({{negative[0]}}, {{broken[0]}});
  p.w.add_constant(1, {{out[kBalanced - kOpen]}});
  p.w.step(1, "verdict", {{broken[0]}}, 0.0, 0.125,
           {{out[kBroken - kOpen]}, {out[kBalanced - kOpen], -1.0}});
  // A sequence that was broken once is never open.
  p.w.step(1, "verdict", {{depth[0]}, {broken[0], -10.0}}, 0.0, 0.125,
           {{out[0]}, {out[kBalanced - kOpen], -1.0}});
  const auto draw = [](Philox& draws, std::int64_t position) {
    // Each verdict as often as the others.
    const auto wanted = kOpen + static_cast<std::int64_t>(draws.below(3));
    Ids ids{0};
    do {
      ids.resize(1);
      while (ids.size() < 9) ids.push_back(kOpening + static_cast<std::int64_t>(draws.below(2)));
    } while (verdict(ids, position) != wanted);
    return ids;
  };
  PlannedTask task = program_task("the corrupted prompt has other brackets and another verdict",
                                  request.prompts, random, draw, {8}, verdict);
  task.members = {"balance", "negative", "any_negative", "verdict"};
  task.layers_of_neurons = {"negative", "verdict"};
  return p.finish(2, "are the brackets so far balanced, still open, or broken", {2, 2},
                  std::move(task), random);
}

Plan plan_reverse(const PlanRequest& request, Philox& random) {
  Program p({.n_layers = 2, .n_heads = 2, .d_head = 24, .d_mlp = 8, .n_positions = kListLength},
            list_texts('a'), request, random);
  const Space out = p.answers(1, kLetters);
  Head& head = p.w.head(1, "reverse");
  for (std::int64_t i = 0; i < kItems; ++i)
    head.want_from({{p.places[1 + kItems + i]}}, {{p.places[kItems - i]}}, kSharp);
  head.want({{p.tokens[0]}}, kSink).copy({p.tokens[1], kLetters}, out);
  PlannedTask task = plan_list_task(request.prompts, random, [](Ids items) {
    std::reverse(items.begin(), items.end());
    return items;
  });
  task.members = {"reverse"};
  for (PromptPair& prompt : task.prompts)
    prompt.sources["answer"] = 2 * kItems + 1 - prompt.position;
  task.attention = {
      {"reverse", [](const PromptPair& prompt) { return prompt.sources.at("answer"); }, true}};
  return p.finish(1, "the tokens before | in reverse order", {2, 2}, std::move(task), random);
}

Plan plan_sort(const PlanRequest& request, Philox& random) {
  Program p({.n_layers = 2, .n_heads = 2, .d_head = 24, .d_mlp = 44, .n_positions = kListLength},
            list_texts('1'), request, random);
  const Space tally = p.w.space(kLetters), out = p.answers(1, kLetters);
  p.w.head(0, "tally")
      .want(all_of({p.places[1], kItems}), kSharp)
      .copy({p.tokens[1], kLetters}, tally);
  // Item i of the sorted list is v where at most i items are less than v, and more are at most v.
  for (std::int64_t i = 0; i < kItems; ++i) {
    const Terms here{{p.places[1 + kItems + i]}};
    for (std::int64_t v = 0; v + 1 < kLetters; ++v) {
      // Other positions are far below the step.
      Terms sum{{here[0].dimension, 4.0}};
      for (std::int64_t u = 0; u <= v; ++u) sum.push_back({tally[u]});
      p.w.step(0, "place", sum, 4.0 + static_cast<double>(i) / kItems,
               4.0 + static_cast<double>(i + 1) / kItems, {{out[v]}, {out[v + 1], -1.0}});
    }
    p.w.gate(0, "place", here, 0.0, {{out[kLetters - 1]}});
  }
  PlannedTask task = plan_list_task(request.prompts, random, [](Ids items) {
    std::sort(items.begin(), items.end());
    return items;
  });
  task.members = {"tally", "place"};
  task.layers_of_neurons = {"place"};
  return p.finish(1, "the tokens before | in ascending order", {1, 1}, std::move(task), random);
}

}  // namespace lensbench::grading
