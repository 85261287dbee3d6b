#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// An encoder: a word that reads the same in both directions, with one letter masked. A head moves
// the letter at the mirrored place, which may come later, and an MLP answers where it is masked.

namespace lensbench::grading {
namespace {

constexpr std::int64_t kMask = 1, kFirstMirrored = 2, kMirroredLetters = 6, kMirrorTokens = 8;
constexpr std::int64_t kHalf = 3, kMirrorPositions = 1 + 2 * kHalf;

std::vector<std::string> mirror_texts() {
  std::vector<std::string> texts{"<cls>", "<mask>"};
  for (char letter = 'a'; letter < 'a' + kMirroredLetters; ++letter) texts.emplace_back(1, letter);
  return texts;
}

std::int64_t mirrored(std::int64_t position) {
  return kMirrorPositions - position;
}

std::int64_t draw_letter(Philox& random) {
  return kFirstMirrored + static_cast<std::int64_t>(random.below(kMirroredLetters));
}

/// <cls>, three letters, and the same backwards. The corrupted prompt has another letter at the
/// mirrored place of the masked one.
PromptPair draw_mirror(Philox& random, bool masks_first_half) {
  PromptPair prompt;
  prompt.ids.assign(kMirrorPositions, 0);
  for (std::int64_t i = 1; i <= kHalf; ++i)
    prompt.ids[static_cast<std::size_t>(i)] = prompt.ids[static_cast<std::size_t>(mirrored(i))] =
        draw_letter(random);
  const std::int64_t first = 1 + static_cast<std::int64_t>(random.below(kHalf));
  prompt.position = masks_first_half ? first : mirrored(first);
  const std::int64_t source = mirrored(prompt.position);
  prompt.answer = prompt.ids[static_cast<std::size_t>(source)];
  do {
    prompt.foil = draw_letter(random);
  } while (prompt.foil == prompt.answer);
  prompt.ids[static_cast<std::size_t>(prompt.position)] = kMask;
  prompt.corrupted_ids = prompt.ids;
  prompt.corrupted_ids[static_cast<std::size_t>(source)] = prompt.foil;
  prompt.sources = {{"answer", source}};
  return prompt;
}

PlannedTask mirror_task(bool masks_first_half, std::vector<PromptPair> prompts) {
  PlannedTask task;
  task.name = masks_first_half ? "look_ahead" : "look_back";
  task.summary = masks_first_half
                     ? "the masked letter is in the first half; in the corrupted prompt the letter "
                       "at the mirrored place is another one"
                     : "the same with a masked letter in the second half";
  task.prompts = std::move(prompts);
  task.members = {"mirror", "answer_gate", "suppressor"};
  task.layers_of_neurons = {"answer_gate"};
  const auto source = [](const PromptPair& prompt) { return prompt.sources.at("answer"); };
  task.attention = {{"mirror", source, true}, {"decoy_attention", source, false}};
  return task;
}

}  // namespace

Plan plan_mirror_bert(const PlanRequest& request, Philox& random) {
  Wiring w({.n_layers = 2,
            .n_heads = 3,
            .d_head = 16,
            .d_mlp = 16,
            .n_positions = kMirrorPositions,
            .family = PlantedFamily::bert},
           mirror_texts());
  FillerSpaces spaces;
  const Space tokens = spaces.tokens = w.space(kMirrorTokens),
              places = spaces.places = w.space(kMirrorPositions);
  const Space moved = w.space(kMirroredLetters), out = spaces.out = w.space(kMirroredLetters);
  spaces.leak = request.leak;
  for (std::int64_t token = 0; token < kMirrorTokens; ++token) w.embed(token, tokens[token]);
  for (std::int64_t position = 0; position < kMirrorPositions; ++position)
    w.place(position, places[position]);
  for (std::int64_t i = 0; i < kMirroredLetters; ++i) w.unembed(out[i], kFirstMirrored + i, 8.0);
  add_bigrams(w, tokens, random);

  Head& mirror = w.head(0, "mirror");
  for (std::int64_t position = 1; position < kMirrorPositions; ++position)
    mirror.want_from({{places[position]}}, {{places[mirrored(position)]}}, kSharp);
  mirror.want({{tokens[0]}}, kSink).copy({tokens[kFirstMirrored], kMirroredLetters}, moved);
  for (std::int64_t i = 0; i < kMirroredLetters; ++i)
    w.step(0, "answer_gate", {{moved[i]}, {tokens[kMask]}}, 1, 2, {{out[i]}});
  add_suppressor(w, 1, spaces, 0);
  add_common_shift(w, 1, spaces);
  spaces.rest = w.take_rest();
  add_attention_decoy(w, 0, mirror, spaces, random, "decoy_attention");
  add_loud_decoy(w, 1, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "A masked letter of a word that is its own mirror image: a head moves the letter at "
            "the mirrored place, before or after it.",
            {1, 1},
            {},
            {}};
  plan.variables = {{"mirrored_letter", "letter at the mirrored position", 1, {0}, true}};
  for (const bool masks_first_half : {true, false}) {
    const auto draw = [=](Philox& draws) { return draw_mirror(draws, masks_first_half); };
    plan.tasks.push_back(
        mirror_task(masks_first_half, draw_prompts(request.prompts, random, draw)));
  }
  add_training(
      plan.tasks[0], "mirrored_letter", random,
      [](Philox& draws) { return draw_mirror(draws, true); },
      [](const PromptPair& prompt) {
        return TrainingPrompt{prompt.ids, prompt.answer, prompt.position};
      });
  return plan;
}

}  // namespace lensbench::grading
