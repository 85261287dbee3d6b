#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// x and y are bits, and the last token says what is asked of them: and, or, xor. A head moves each
// bit, an MLP computes the answer. What exact patching says of the heads follows from the function:
// AND needs both (noising either destroys, restoring either does nothing), OR needs one (the other
// way round), XOR answers to each.

namespace lensbench::grading {
namespace {

constexpr std::int64_t kBitX = 1, kBitY = 3, kOperations = 5, kFalse = 8, kBooleanFiller = 10,
                       kBooleanFillers = 4, kBooleanTokens = 14;
constexpr std::int64_t kBooleanPositions = 7, kBooleanAsked = 6;

enum class Operation { conjunction, disjunction, exclusive };

struct Bits {
  bool x, y;
};

bool result(Operation operation, const Bits& bits) {
  if (operation == Operation::conjunction) return bits.x && bits.y;
  return operation == Operation::disjunction ? bits.x || bits.y : bits.x != bits.y;
}

/// Both bits change, but for XOR, whose result then is the same: one of them.
std::pair<Bits, Bits> clean_and_corrupted(Operation operation, bool change_x, Philox& random) {
  if (operation != Operation::exclusive) return {{true, true}, {false, false}};
  const Bits clean{random.below(2) == 1, random.below(2) == 1};
  return {clean, {clean.x != change_x, clean.y == change_x}};
}

PromptPair draw_boolean(Philox& random, Operation operation, bool change_x) {
  PromptPair prompt;
  prompt.ids = {0};
  for (std::int64_t i = 1; i < kBooleanAsked; ++i)
    prompt.ids.push_back(kBooleanFiller + static_cast<std::int64_t>(random.below(kBooleanFillers)));
  prompt.ids.push_back(kOperations + static_cast<std::int64_t>(operation));
  const auto order = random_order(random, kBooleanAsked - 1);
  const auto x = static_cast<std::size_t>(order[0] + 1), y = static_cast<std::size_t>(order[1] + 1);
  prompt.corrupted_ids = prompt.ids;
  const auto [clean, corrupted] = clean_and_corrupted(operation, change_x, random);
  prompt.ids[x] = kBitX + (clean.x ? 1 : 0);
  prompt.ids[y] = kBitY + (clean.y ? 1 : 0);
  prompt.corrupted_ids[x] = kBitX + (corrupted.x ? 1 : 0);
  prompt.corrupted_ids[y] = kBitY + (corrupted.y ? 1 : 0);
  prompt.answer = kFalse + (result(operation, clean) ? 1 : 0);
  prompt.foil = kFalse + (result(operation, clean) ? 0 : 1);
  prompt.position = kBooleanAsked;
  prompt.sources = {{"x", order[0] + 1}, {"y", order[1] + 1}};
  return prompt;
}

PlannedTask boolean_task(Operation operation, std::vector<PromptPair> prompts) {
  constexpr const char* kNames[] = {"and", "or", "xor"};
  PlannedTask task;
  task.name = kNames[static_cast<std::size_t>(operation)];
  task.summary = operation == Operation::exclusive
                     ? "the corrupted prompt has another x or another y"
                     : "both bits are 1, in the corrupted prompt 0";
  task.prompts = std::move(prompts);
  task.members = {"suppressor", task.name + "_gate"};
  for (const PromptPair& prompt : task.prompts)
    for (const char* bit : {"x", "y"}) {
      const auto at = static_cast<std::size_t>(prompt.sources.at(bit));
      if (prompt.ids[at] != prompt.corrupted_ids[at])
        task.members.insert(std::string("bit_") + bit);
    }
  task.layers_of_neurons = {task.name + "_gate"};
  const auto at_x = [](const PromptPair& prompt) { return prompt.sources.at("x"); };
  const auto at_y = [](const PromptPair& prompt) { return prompt.sources.at("y"); };
  task.attention = {{"bit_x", at_x, true}, {"bit_y", at_y, true}, {"decoy_attention", at_x, false}};
  return task;
}

std::vector<std::string> boolean_texts() {
  std::vector<std::string> texts{"<bos>", "x0", "x1",  "y0",    "y1",
                                 "and",   "or", "xor", "false", "true"};
  for (std::int64_t i = 0; i < kBooleanFillers; ++i) texts.push_back("filler" + std::to_string(i));
  return texts;
}

/// The sum of both bits, 3 more where an operation is asked: the steps of others are below it.
Terms asked_sum(const Space& bits, std::int64_t operation) {
  return {{bits[0]}, {bits[1]}, {operation, 3.0}};
}

}  // namespace

Plan plan_boolean(const PlanRequest& request, Philox& random) {
  Wiring w(
      {.n_layers = 3, .n_heads = 3, .d_head = 16, .d_mlp = 12, .n_positions = kBooleanPositions},
      boolean_texts());
  FillerSpaces spaces;
  const Space tokens = spaces.tokens = w.space(kBooleanTokens),
              places = spaces.places = w.space(kBooleanPositions);
  const Space bits = w.space(2), out = spaces.out = w.space(1);
  spaces.leak = request.leak;
  for (std::int64_t token = 0; token < kBooleanTokens; ++token) w.embed(token, tokens[token]);
  for (std::int64_t position = 0; position < kBooleanPositions; ++position)
    w.place(position, places[position]);
  w.unembed(out[0], kFalse, -8.0);
  w.unembed(out[0], kFalse + 1, 8.0);
  add_bigrams(w, tokens, random);

  const Terms asked = all_of(Space{tokens[kOperations], 3});
  w.head(0, "bit_x")
      .want_from(asked, all_of(Space{tokens[kBitX], 2}), kSharp)
      .want({{tokens[0]}}, kSink)
      .move({{tokens[kBitX + 1]}}, {{bits[0]}});
  w.head(0, "bit_y")
      .want_from(asked, all_of(Space{tokens[kBitY], 2}), kSharp)
      .want({{tokens[0]}}, kSink)
      .move({{tokens[kBitY + 1]}}, {{bits[1]}});
  w.step(1, "and_gate", asked_sum(bits, tokens[kOperations]), 4, 5, {{out[0]}});
  w.step(1, "or_gate", asked_sum(bits, tokens[kOperations + 1]), 3, 4, {{out[0]}});
  w.step(1, "xor_gate", asked_sum(bits, tokens[kOperations + 2]), 3, 4, {{out[0]}});
  w.step(1, "xor_gate", asked_sum(bits, tokens[kOperations + 2]), 4, 5, {{out[0], -1.0}});
  w.add_constant(1, {{out[0], -0.5}});
  add_suppressor(w, 2, spaces, 0);
  add_common_shift(w, 2, spaces);
  spaces.rest = w.take_rest();
  Head look;
  look.want_from(asked, all_of(Space{tokens[kBitX], 2}), kSharp).want({{tokens[0]}}, kSink);
  add_attention_decoy(w, 0, look, spaces, random, "decoy_attention");
  add_loud_decoy(w, 1, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "Two heads move a bit each, an MLP computes AND, OR or XOR of them.",
            {2, 1},
            {},
            {}};
  plan.variables = {{"x_at_question", "bit x, read at the last position", 1, {0}, true},
                    {"y_at_question", "bit y, read at the last position", 1, {0}, true}};
  for (const auto operation :
       {Operation::conjunction, Operation::disjunction, Operation::exclusive}) {
    bool change_x = false;
    const auto draw = [&](Philox& draws) {
      change_x = !change_x;
      return draw_boolean(draws, operation, change_x);
    };
    plan.tasks.push_back(boolean_task(operation, draw_prompts(request.prompts, random, draw)));
  }
  // Of AND and OR the clean prompts have one value of x alone.
  add_training(
      plan.tasks[2], "x_at_question", random,
      [](Philox& draws) { return draw_boolean(draws, Operation::exclusive, true); },
      [](const PromptPair& prompt) {
        const std::int64_t x = prompt.ids[static_cast<std::size_t>(prompt.sources.at("x"))];
        return TrainingPrompt{prompt.ids, x - kBitX, prompt.position};
      });
  return plan;
}

}  // namespace lensbench::grading
