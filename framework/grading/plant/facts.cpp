#include "grading/plant/facts.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace lensbench::grading {
namespace {

constexpr double kGuess = 0.9;

std::vector<std::string> fact_texts() {
  std::vector<std::string> texts{"<bos>"};
  for (std::int64_t i = 0; i < kSubjects; ++i) texts.push_back("subject" + std::to_string(i));
  for (std::int64_t i = 0; i < kRelations; ++i) texts.push_back("relation" + std::to_string(i + 1));
  for (std::int64_t i = 0; i < kFactFillers; ++i) texts.push_back("filler" + std::to_string(i));
  for (std::int64_t i = 0; i < kValues; ++i) texts.push_back("value" + std::to_string(i));
  return texts;
}

/// The most frequent of the values, and how often it occurs.
std::pair<std::int64_t, std::int64_t> most_common(const std::vector<std::int64_t>& values) {
  std::pair<std::int64_t, std::int64_t> best;
  for (const std::int64_t value : values) {
    const auto count = std::count(values.begin(), values.end(), value);
    if (count > best.second) best = {value, count};
  }
  return best;
}

/// A prompt, and one with the other relation or with a subject that has another value.
PromptPair draw_fact(Philox& random, const Facts& facts, bool swap_relation) {
  const auto subject = random.below(kSubjects), relation = random.below(kRelations);
  PromptPair prompt;
  prompt.ids = {0};
  while (static_cast<std::int64_t>(prompt.ids.size()) < kFactAsked)
    prompt.ids.push_back(kFirstFiller + static_cast<std::int64_t>(random.below(kFactFillers)));
  const auto place = static_cast<std::size_t>(1 + random.below(4));
  prompt.ids[place] = 1 + static_cast<std::int64_t>(subject);
  prompt.ids.push_back(kFirstRelation + static_cast<std::int64_t>(relation));
  prompt.answer = kFirstValue + facts.value[relation][subject];
  prompt.position = kFactAsked;
  prompt.sources = {{"answer", static_cast<std::int64_t>(place)}};
  prompt.corrupted_ids = prompt.ids;
  if (swap_relation) {
    prompt.corrupted_ids[kFactAsked] = kFirstRelation + 1 - static_cast<std::int64_t>(relation);
    prompt.foil = kFirstValue + facts.value[1 - relation][subject];
    return prompt;
  }
  auto other = subject;
  while (facts.value[relation][other] == facts.value[relation][subject])
    other = random.below(kSubjects);
  prompt.corrupted_ids[place] = 1 + static_cast<std::int64_t>(other);
  prompt.foil = kFirstValue + facts.value[relation][other];
  return prompt;
}

/// True if the early guesses change at least a quarter of the prompts: they are members of the
/// circuit, and have no effect where neither answer nor foil is guessed.
bool guesses_matter(const Facts& facts, const std::vector<PromptPair>& prompts) {
  const auto guessed = [&](std::int64_t token) {
    return token == kFirstValue + facts.guess[0] || token == kFirstValue + facts.guess[1];
  };
  const auto count = std::count_if(prompts.begin(), prompts.end(), [&](const PromptPair& prompt) {
    return guessed(prompt.answer) || guessed(prompt.foil);
  });
  return 4 * count >= std::ssize(prompts);
}

/// A neuron for each subject, which writes its value for each relation.
void store(FactModel& model, std::int64_t layer, const std::string& role) {
  for (std::int64_t subject = 0; subject < kSubjects; ++subject) {
    Terms out;
    for (std::int64_t relation = 0; relation < kRelations; ++relation)
      out.push_back(
          {model.stored[relation][model.facts.value[relation][static_cast<std::size_t>(subject)]]});
    model.w.gate(layer, role, {{model.tokens[1 + subject]}}, 0.0, out);
  }
}

/// A neuron that is more active than all others, and writes where nothing reads.
void add_active_neuron(Wiring& w, std::int64_t layer, const FillerSpaces& spaces) {
  Terms out = all_of(spaces.rest, 0.002);
  w.neuron(layer, {"decoy_neuron", all_of(spaces.tokens, 60.0), 0.0, std::move(out)});
}

PlannedTask fact_task(bool swap_relation, std::vector<PromptPair> prompts) {
  PlannedTask task;
  task.name = swap_relation ? "relation_swap" : "subject_swap";
  task.summary = swap_relation
                     ? "the corrupted prompt asks for the other relation"
                     : "the corrupted prompt has another subject, whose value for this relation "
                       "differs";
  task.prompts = std::move(prompts);
  task.members = {"or_gate", "suppressor"};
  if (swap_relation) {
    task.members.insert({"early_guess", "guess_eraser"});
  } else {
    task.members.insert({"store_a", "store_b"});
    task.layers_of_neurons = {"store_a", "store_b", "or_gate"};
  }
  task.attention = {{"decoy_attention",
                     [](const PromptPair& prompt) { return prompt.sources.at("answer"); }, false}};
  return task;
}

}  // namespace

Facts draw_facts(Philox& random) {
  for (;;) {
    Facts facts;
    bool differ = true;
    for (auto& value : facts.value)
      for (std::int64_t subject = 0; subject < kSubjects; ++subject)
        value.push_back(static_cast<std::int64_t>(random.below(kValues)));
    for (std::size_t subject = 0; subject < kSubjects; ++subject)
      differ = differ && facts.value[0][subject] != facts.value[1][subject];
    for (std::size_t relation = 0; relation < kRelations; ++relation) {
      const auto& value = facts.value[relation];
      differ = differ && std::set<std::int64_t>(value.begin(), value.end()).size() >= 3;
      const auto [guess, count] = most_common(value);
      facts.guess[relation] = guess;
      differ = differ && count >= 2;
    }
    differ = differ && facts.guess[0] != facts.guess[1];
    if (differ) return facts;
  }
}

FactModel::FactModel(const WiringSizes& sizes, std::int64_t moved_values,
                     const PlanRequest& request, Philox& random)
    : w(sizes, fact_texts()), facts(draw_facts(random)), tokens(w.space(kFactTokens)) {
  const bool has_places = sizes.family == PlantedFamily::gpt2;
  spaces.tokens = tokens;
  if (has_places) spaces.places = w.space(kFactPositions);
  for (Space& values : stored) values = w.space(kValues);
  moved = w.space(moved_values);
  out = spaces.out = w.space(kValues);
  spaces.leak = request.leak;
  for (std::int64_t token = 0; token < kFactTokens; ++token) w.embed(token, tokens[token]);
  for (std::int64_t position = 0; position < spaces.places.size; ++position)
    w.place(position, spaces.places[position]);
  for (std::int64_t value = 0; value < kValues; ++value)
    w.unembed(out[value], kFirstValue + value, 8.0);
  add_bigrams(w, tokens, random);
  store(*this, 0, "store_a");
  store(*this, 1, "store_b");
  for (std::int64_t relation = 0; relation < kRelations; ++relation) {
    const std::int64_t guess = out[facts.guess[relation]];
    w.gate(0, "early_guess", asked(relation), 0.0, {{guess, kGuess}});
    w.gate(3, "guess_eraser", asked(relation), 0.0, {{guess, -kGuess}});
  }
}

Plan FactModel::finish(std::string summary, const PlanRequest& request, Philox& random,
                       const std::function<void(PlannedTask&, bool)>& change) {
  add_suppressor(w, 4, spaces, 0);
  add_common_shift(w, 4, spaces);
  spaces.rest = w.take_rest();
  add_active_neuron(w, 0, spaces);
  Head look;
  look.want(all_of(subjects()), kSharp).want({{tokens[0]}}, kSink);
  add_attention_decoy(w, 1, look, spaces, random, "decoy_attention");
  add_loud_decoy(w, 1, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w), std::move(summary), {4, 3}, {}, {}};
  plan.variables = {{"subject_at_relation", "subject, read at the last position", {}, {0}, false},
                    {"value_at_relation",
                     "value of subject and relation, read at the last position",
                     3,
                     {0},
                     true}};
  for (const bool swap_relation : {false, true}) {
    const auto draw = [&](Philox& draws) { return draw_fact(draws, facts, swap_relation); };
    std::vector<PromptPair> prompts = draw_prompts(request.prompts, random, draw);
    while (swap_relation && !guesses_matter(facts, prompts))
      prompts = draw_prompts(request.prompts, random, draw);
    PlannedTask task = fact_task(swap_relation, std::move(prompts));
    change(task, swap_relation);
    plan.tasks.push_back(std::move(task));
  }
  add_training(
      plan.tasks[0], "value_at_relation", random,
      [&](Philox& draws) { return draw_fact(draws, facts, false); },
      [](const PromptPair& prompt) {
        return TrainingPrompt{prompt.ids, prompt.answer, prompt.position};
      });
  return plan;
}

}  // namespace lensbench::grading
