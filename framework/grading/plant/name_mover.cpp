#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// name … name … repeated name … to is followed by the name that is not repeated, as in the circuit
// for indirect objects (Wang et al., arXiv:2211.00593), with a backup that is silent unless the
// name mover is.

namespace lensbench::grading {
namespace {

constexpr std::int64_t kNames = 8, kTo = 9, kNameFillers = 8, kNameTokens = 18, kNamePositions = 9;
constexpr std::int64_t kRepeat = 5, kNameAsked = 8;

std::vector<std::string> name_texts() {
  std::vector<std::string> texts{"<bos>"};
  for (std::int64_t i = 0; i < kNames; ++i) texts.push_back("name" + std::to_string(i));
  texts.emplace_back("to");
  for (std::int64_t i = 0; i < kNameFillers; ++i) texts.push_back("filler" + std::to_string(i));
  return texts;
}

PromptPair draw_names(Philox& random, bool new_name) {
  const auto names = random_order(random, kNames);
  const auto filler = [&] {
    return kTo + 1 + static_cast<std::int64_t>(random.below(kNameFillers));
  };
  const std::int64_t answer = names[0] + 1, foil = names[1] + 1;
  const bool answer_first = random.below(2) == 0;
  PromptPair prompt;
  prompt.ids = {0,        answer_first ? answer : foil,
                filler(), answer_first ? foil : answer,
                filler(), foil,
                filler(), filler(),
                kTo};
  prompt.corrupted_ids = prompt.ids;
  prompt.corrupted_ids[kRepeat] = new_name ? names[2] + 1 : answer;
  prompt.answer = answer;
  prompt.foil = foil;
  prompt.position = kNameAsked;
  prompt.sources = {{"answer", answer_first ? 1 : 3},
                    {"foil", answer_first ? 3 : 1},
                    {"repeat", kRepeat},
                    {"first", 1}};
  return prompt;
}

/// Attends, from "to", to each name but the one that is inhibited.
Head& attend_names(Head& head, const Space& tokens, const Space& names, const Space& inhibited) {
  return head.want_from({{tokens[kTo]}}, all_of(names), kSharp)
      .match(inhibited, names, -kSharp)
      .want({{tokens[0]}}, kSink);
}

PlannedTask names_task(bool new_name, std::vector<PromptPair> prompts) {
  PlannedTask task;
  task.name = new_name ? "new_name" : "repeat_swap";
  task.summary = new_name ? "the corrupted prompt repeats no name"
                          : "the corrupted prompt repeats the other name";
  task.prompts = std::move(prompts);
  task.members = {"s_inhibition", "name_mover", "suppressor"};
  // Another repeated name is a duplicate as well.
  if (new_name) task.members.insert("duplicate_token");
  task.ignored = {"backup"};
  const auto source = [](const char* name) {
    return [name](const PromptPair& prompt) { return prompt.sources.at(name); };
  };
  task.attention = {{"s_inhibition", source("repeat"), true},
                    {"name_mover", source("answer"), true},
                    {"decoy_position", source("first"), false}};
  return task;
}

}  // namespace

Plan plan_name_mover(const PlanRequest& request, Philox& random) {
  Wiring w({.n_layers = 4, .n_heads = 4, .d_head = 20, .d_mlp = 8, .n_positions = kNamePositions},
           name_texts());
  FillerSpaces spaces;
  const Space tokens = spaces.tokens = w.space(kNameTokens),
              places = spaces.places = w.space(kNamePositions);
  const Space names{tokens[1], kNames};
  const Space duplicate = w.space(1), inhibited = w.space(kNames),
              out = spaces.out = w.space(kNames);
  spaces.leak = request.leak;
  for (std::int64_t token = 0; token < kNameTokens; ++token) w.embed(token, tokens[token]);
  for (std::int64_t position = 0; position < kNamePositions; ++position)
    w.place(position, places[position]);
  for (std::int64_t name = 0; name < kNames; ++name) w.unembed(out[name], name + 1, 8.0);
  add_bigrams(w, tokens, random);

  // A name finds itself, except at its own position.
  w.head(0, "duplicate_token")
      .match(names, names, kSharp)
      .match(places, places, -kSharp)
      .want({{tokens[0]}}, kSink)
      .move(all_of(names), {{duplicate[0]}});
  w.head(1, "s_inhibition")
      .want_from({{tokens[kTo]}}, {{duplicate[0]}}, kSharp)
      .want({{tokens[0]}}, kSink)
      .copy(names, inhibited);
  attend_names(w.head(2, "name_mover"), tokens, names, inhibited).copy(names, out);
  // A result that is there already makes the sink win.
  attend_names(w.head(3, "backup"), tokens, names, inhibited)
      .want_from(all_of(out), {{tokens[0]}}, 2 * kSharp)
      .copy(names, out);
  add_suppressor(w, 3, spaces, 0);
  add_common_shift(w, 2, spaces);
  spaces.rest = w.take_rest();
  Head first;
  first.want({{places[1]}}, kSharp).want({{tokens[0]}}, kSink);
  add_attention_decoy(w, 2, first, spaces, random, "decoy_position");
  add_loud_decoy(w, 2, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "name … name … repeated name … to is followed by the name that is not repeated; a "
            "backup head steps in when the name mover is silent.",
            {3, 3},
            {},
            {}};
  plan.variables = {
      {"repeated_name", "the repeated name, read at the last position", 2, {0}, true}};
  for (const bool new_name : {false, true})
    plan.tasks.push_back(names_task(
        new_name, draw_prompts(request.prompts, random,
                               [=](Philox& draws) { return draw_names(draws, new_name); })));
  add_training(
      plan.tasks[0], "repeated_name", random,
      [](Philox& draws) { return draw_names(draws, false); },
      [](const PromptPair& prompt) {
        return TrainingPrompt{prompt.ids, prompt.foil, prompt.position};
      });
  return plan;
}

}  // namespace lensbench::grading
