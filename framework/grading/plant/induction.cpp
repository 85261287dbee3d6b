#include <lensbench/error.hpp>
#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/inductions.hpp"

// A B … C D … A is followed by B: a head writes the token before each position, and another looks
// for the position after an earlier A (Olsson et al., arXiv:2209.11895).

namespace lensbench::grading {
namespace {

constexpr std::int64_t kLetterTokens = 16;
constexpr std::int64_t kInductionLength = 11, kInductionAsked = 10;

std::vector<std::string> letters() {
  std::vector<std::string> texts{"<bos>"};
  for (char letter = 'a'; letter <= 'o'; ++letter) texts.emplace_back(1, letter);
  return texts;
}

/// <bos>, nine different letters and the question: A at `a`, followed by B; C at `c`, followed by
/// D.
PromptPair draw_induction(Philox& random, bool swap_keys) {
  PromptPair prompt;
  const auto order = random_order(random, kLetterTokens - 1);
  prompt.ids.push_back(0);
  for (std::size_t i = 0; i + 2 < kInductionLength; ++i) prompt.ids.push_back(order[i] + 1);
  // Two places that are not neighbours, in either order.
  auto a = static_cast<std::size_t>(1 + random.below(8)), c = a;
  while (c + 1 == a || c == a || a + 1 == c) c = static_cast<std::size_t>(1 + random.below(8));
  prompt.ids.push_back(prompt.ids[a]);
  prompt.answer = prompt.ids[a + 1];
  prompt.foil = prompt.ids[c + 1];
  prompt.position = kInductionAsked;
  prompt.sources = {{"answer", static_cast<std::int64_t>(a + 1)},
                    {"foil", static_cast<std::int64_t>(c + 1)}};
  prompt.corrupted_ids = prompt.ids;
  if (swap_keys)
    std::swap(prompt.corrupted_ids[a], prompt.corrupted_ids[c]);
  else
    std::swap(prompt.corrupted_ids[a + 1], prompt.corrupted_ids[c + 1]);
  return prompt;
}

PlannedTask induction_task(bool swap_keys, std::vector<PromptPair> prompts) {
  PlannedTask task;
  task.name = swap_keys ? "key_swap" : "value_swap";
  task.summary = swap_keys ? "the corrupted prompt exchanges the first A and C, so that D follows A"
                           : "the corrupted prompt exchanges B and D, so that D follows A";
  task.prompts = std::move(prompts);
  task.members = {"induction", "suppressor"};
  // Where the previous token is read does not change when the values are exchanged.
  if (swap_keys) task.members.insert("previous_token");
  const auto before = [](const PromptPair& prompt) { return prompt.position - 1; };
  const auto answer = [](const PromptPair& prompt) { return prompt.sources.at("answer"); };
  task.attention = {{"previous_token", before, swap_keys},
                    {"induction", answer, true},
                    {"decoy_attention", answer, false}};
  return task;
}

/// Labels are the token before a position or after it. There the letters all differ.
void train_on_neighbours(PlannedTask& task, const char* variable, std::int64_t offset,
                         Philox& random) {
  constexpr std::int64_t kRead = 6;
  add_training(
      task, variable, random, [](Philox& draws) { return draw_induction(draws, true); },
      [=](const PromptPair& prompt) {
        return TrainingPrompt{prompt.ids, prompt.ids[static_cast<std::size_t>(kRead + offset)],
                              kRead};
      });
}

/// By places, or by distance where positions are rotary.
Head& look_at_previous(Head& head, const Space& places) {
  if (places.size > 0)
    return head.match({places[1], places.size - 1}, {places[0], places.size - 1}, kSharp);
  head.distance = {1, kSharp};
  return head;
}

}  // namespace

Plan plan_induction(const PlanRequest& request, Philox& random) {
  return plan_inductions(
      {.n_layers = 3, .n_heads = 4, .d_head = 18, .d_mlp = 8, .n_positions = kInductionPositions},
      request, random);
}

Plan plan_inductions(const WiringSizes& sizes, const PlanRequest& request, Philox& random) {
  Wiring w(sizes, letters());
  FillerSpaces spaces;
  const Space tokens = spaces.tokens = w.space(kLetterTokens), previous = w.space(kLetterTokens);
  if (sizes.family == PlantedFamily::gpt2) spaces.places = w.space(kInductionPositions);
  const Space out = spaces.out = w.space(kLetterTokens);
  spaces.leak = request.leak;
  for (std::int64_t token = 0; token < kLetterTokens; ++token) {
    w.embed(token, tokens[token]);
    w.unembed(out[token], token, 8.0);
  }
  for (std::int64_t position = 0; position < spaces.places.size; ++position)
    w.place(position, spaces.places[position]);
  add_bigrams(w, tokens, random);

  look_at_previous(w.head(0, "previous_token"), spaces.places)
      .copy({tokens[1], kLetterTokens - 1}, {previous[1], kLetterTokens - 1});
  Head& induction = w.head(1, "induction")
                        .match(tokens, previous, kSharp)
                        .want({{tokens[0]}}, kSink)
                        .copy({tokens[1], kLetterTokens - 1}, {out[1], kLetterTokens - 1});
  add_suppressor(w, 2, spaces, 0);
  add_common_shift(w, 2, spaces);
  spaces.rest = w.take_rest();
  add_attention_decoy(w, 1, induction, spaces, random, "decoy_attention");
  add_loud_decoy(w, 1, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "A B … C D … A is followed by B: a previous-token head feeds an induction head.",
            {2, 2},
            {},
            {}};
  plan.variables = {{"previous_token", "token at the position before", 1, {0}, true},
                    {"following_token", "token at the position after", {}, {0, 1, 2, 3}, false}};
  for (const bool swap_keys : {true, false})
    plan.tasks.push_back(induction_task(
        swap_keys, draw_prompts(request.prompts, random,
                                [=](Philox& draws) { return draw_induction(draws, swap_keys); })));
  train_on_neighbours(plan.tasks[0], "previous_token", -1, random);
  train_on_neighbours(plan.tasks[1], "following_token", 1, random);
  return plan;
}

}  // namespace lensbench::grading
