#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// The next token depends on the current one alone, by a table of probabilities that an MLP holds:
// one neuron a token. Every distribution is known in closed form.

namespace lensbench::grading {
namespace {

constexpr std::int64_t kBigramTokens = 16, kBigramPositions = 8, kBigramAsked = 7;
/// Share of the followers of a token; the other tokens have equal parts of the rest.
constexpr double kFollowed = 0.9;
constexpr std::array<std::int64_t, 4> kFollowers = {1, 2, 4, 8};
// A write of 1 is so much in the logits.
constexpr double kLogit = 4.0;

using Distribution = std::array<double, static_cast<std::size_t>(kBigramTokens)>;

std::vector<std::string> bigram_texts() {
  std::vector<std::string> texts{"<bos>"};
  for (char letter = 'a'; letter <= 'o'; ++letter) texts.emplace_back(1, letter);
  return texts;
}

/// k followers, of which the first is twice as likely as each of the others.
Distribution draw_distribution(Philox& random, std::int64_t k) {
  Distribution distribution;
  distribution.fill((1 - kFollowed) / static_cast<double>(kBigramTokens - k));
  const auto order = random_order(random, kBigramTokens - 1);
  for (std::int64_t i = 0; i < k; ++i)
    distribution[static_cast<std::size_t>(1 + order[static_cast<std::size_t>(i)])] =
        kFollowed * (i == 0 ? 2.0 : 1.0) / static_cast<double>(k + 1);
  return distribution;
}

/// Each number of followers belongs to as many tokens as the others.
std::vector<Distribution> draw_table(Philox& random) {
  const auto order = random_order(random, kBigramTokens);
  std::vector<Distribution> table;
  for (std::size_t token = 0; token < kBigramTokens; ++token)
    table.push_back(draw_distribution(
        random, kFollowers[static_cast<std::size_t>(order[token]) % kFollowers.size()]));
  return table;
}

std::int64_t most_likely(const Distribution& distribution) {
  return std::max_element(distribution.begin(), distribution.end()) - distribution.begin();
}

std::int64_t draw_from(Philox& random, const Distribution& distribution) {
  double rest = random.uniform();
  std::size_t token = 0;
  while (token + 1 < distribution.size() && rest >= distribution[token])
    rest -= distribution[token++];
  return static_cast<std::int64_t>(token);
}

/// A text by the table itself; in the corrupted one the last token is another one.
PromptPair draw_bigram(Philox& random, const std::vector<Distribution>& table) {
  const auto after = [&](std::int64_t token) -> const Distribution& {
    return table[static_cast<std::size_t>(token)];
  };
  PromptPair prompt;
  prompt.ids = {0};
  while (static_cast<std::int64_t>(prompt.ids.size()) < kBigramPositions)
    prompt.ids.push_back(draw_from(random, after(prompt.ids.back())));
  prompt.position = kBigramAsked;
  prompt.answer = most_likely(after(prompt.ids.back()));
  prompt.corrupted_ids = prompt.ids;
  do {
    prompt.corrupted_ids.back() = static_cast<std::int64_t>(random.below(kBigramTokens));
    prompt.foil = most_likely(after(prompt.corrupted_ids.back()));
  } while (prompt.foil == prompt.answer);
  return prompt;
}

/// A neuron for each token, which writes the logarithms of its distribution but for the logits that
/// the final norm adds.
void store_table(Wiring& w, const Space& tokens, const Space& out,
                 const std::vector<Distribution>& table, Philox& random) {
  std::vector<double> added;
  for (std::int64_t next = 0; next < kBigramTokens; ++next) {
    added.push_back(0.4 * random.normal());
    w.final_bias.push_back({out[next], added.back() / kLogit});
    w.unembed(out[next], next, kLogit);
  }
  for (std::size_t token = 0; token < table.size(); ++token) {
    std::vector<double> logits;
    double mean = 0;
    for (std::size_t next = 0; next < added.size(); ++next) {
      logits.push_back(std::log(table[token][next]) - added[next]);
      mean += logits.back() / static_cast<double>(added.size());
    }
    Terms write;
    for (std::size_t next = 0; next < logits.size(); ++next)
      write.push_back({out[static_cast<std::int64_t>(next)], (logits[next] - mean) / kLogit});
    w.gate(0, "table", {{tokens[static_cast<std::int64_t>(token)]}}, 0.0, write);
  }
}

PlannedTask bigram_task(std::vector<PromptPair> prompts) {
  PlannedTask task;
  task.name = "last_token";
  task.summary = "the corrupted prompt ends with another token, which has another first choice";
  task.prompts = std::move(prompts);
  task.members = {"table"};
  task.layers_of_neurons = {"table"};
  const auto before = [](const PromptPair& prompt) { return prompt.position - 1; };
  task.attention = {{"decoy_attention", before, false}};
  return task;
}

}  // namespace

Plan plan_bigram(const PlanRequest& request, Philox& random) {
  Wiring w(
      {.n_layers = 2, .n_heads = 3, .d_head = 20, .d_mlp = 20, .n_positions = kBigramPositions},
      bigram_texts());
  FillerSpaces spaces;
  const Space tokens = spaces.tokens = w.space(kBigramTokens),
              places = spaces.places = w.space(kBigramPositions),
              out = spaces.out = w.space(kBigramTokens);
  // Probabilities differ less than the answers of other kinds.
  spaces.leak = request.leak / 2;
  for (std::int64_t token = 0; token < kBigramTokens; ++token) w.embed(token, tokens[token]);
  for (std::int64_t position = 0; position < kBigramPositions; ++position)
    w.place(position, places[position]);
  const std::vector<Distribution> table = draw_table(random);
  store_table(w, tokens, out, table, random);
  add_common_shift(w, 1, spaces);
  spaces.rest = w.take_rest();
  Head look;
  look.match({places[1], kBigramPositions - 1}, {places[0], kBigramPositions - 1}, kSharp);
  add_attention_decoy(w, 0, look, spaces, random, "decoy_attention");
  add_loud_decoy(w, 1, spaces, random);
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "The next token depends on the current one alone, by a table of probabilities in an "
            "MLP.",
            {1, 1},
            {},
            {}};
  plan.variables = {{"current_token", "token at the position itself", 0, {}, true}};
  const auto draw = [&](Philox& draws) { return draw_bigram(draws, table); };
  plan.tasks.push_back(bigram_task(draw_prompts(request.prompts, random, draw)));
  return plan;
}

}  // namespace lensbench::grading
