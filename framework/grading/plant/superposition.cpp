#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/pow.h>

#include <utility>

#include "grading/gauge/rotations.hpp"
#include "grading/plant/fillers.hpp"
#include "grading/plant/plan.hpp"

// More features than dimensions (Elhage et al., arXiv:2209.10652): 24 directions in 16 dimensions,
// as far apart as they come. A token has one feature or two, and a neuron for each feature names
// its class.

namespace lensbench::grading {
namespace {

constexpr std::int64_t kFeatures = 24, kFeatureSpace = 17, kFeatureTokens = 128;
constexpr std::int64_t kAlone = 2, kSuperposed = 12;
// Two neighbours move a reader by at most 2 * 0.2 * 1.1: half of the least activation is between
// what a reader sees of a feature that is there and of one that is not.
constexpr double kLeastActivation = 0.9, kLargestActivation = 1.1, kThreshold = 0.55,
                 kSteepness = 40.0;

/// Features of a token with their activations.
using Active = std::vector<std::pair<std::int64_t, double>>;

/// Unit vectors [feature, dimension] whose entries sum to zero, so that they fill one dimension
/// less than there are. The closest pairs push each other away; the largest cosine of 24 vectors in
/// 16 dimensions is at least 0.147 (Welch's bound), and gets below 0.19 here.
at::Tensor spread_directions(Philox& random) {
  constexpr int kSteps = 150;
  at::Tensor vectors = normal_matrix(random, kFeatures, kFeatureSpace);
  const auto normalise = [&] {
    vectors = vectors - vectors.mean(1, true);
    vectors = vectors / vectors.norm(2, 1, true);
  };
  normalise();
  for (int step = 0; step < kSteps; ++step) {
    at::Tensor cosines = at::matmul(vectors, vectors.t());
    cosines.fill_diagonal_(0);
    const at::Tensor share = cosines / cosines.abs().max();
    const double rate = 0.15 * (1 - 0.9 * step / kSteps);
    vectors = vectors - rate * at::matmul(at::pow(share, 7), vectors);
    normalise();
  }
  return vectors;
}

double draw_activation(Philox& random) {
  return kLeastActivation + (kLargestActivation - kLeastActivation) * random.uniform();
}

/// Two tokens of each feature alone, the others of two features.
std::vector<Active> draw_tokens(Philox& random) {
  std::vector<Active> tokens(static_cast<std::size_t>(kFeatureTokens));
  const auto order = random_order(random, kFeatureTokens);
  for (std::int64_t i = 0; i < kFeatureTokens; ++i) {
    Active& token = tokens[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    const auto first =
        i < kAlone * kFeatures ? i / kAlone : static_cast<std::int64_t>(random.below(kFeatures));
    token.emplace_back(first, draw_activation(random));
    if (i < kAlone * kFeatures) continue;
    auto second = first;
    while (second == first) second = static_cast<std::int64_t>(random.below(kFeatures));
    token.emplace_back(second, draw_activation(random));
  }
  return tokens;
}

std::vector<std::string> superposition_texts() {
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < kFeatures; ++i) texts.push_back("class" + std::to_string(i));
  for (std::int64_t i = 0; i < kFeatureTokens; ++i) texts.push_back("token" + std::to_string(i));
  return texts;
}

std::vector<std::int64_t> draw_ids(Philox& random) {
  std::vector<std::int64_t> ids;
  while (static_cast<std::int64_t>(ids.size()) < kSuperposed)
    ids.push_back(kFeatures + static_cast<std::int64_t>(random.below(kFeatureTokens)));
  return ids;
}

/// The last token has one feature, in the corrupted prompt another one.
PromptPair draw_class(Philox& random, const std::vector<Active>& tokens) {
  const auto draw_alone = [&](std::int64_t& feature) {
    for (;;) {
      const auto token = random.below(kFeatureTokens);
      if (tokens[token].size() > 1) continue;
      feature = tokens[token][0].first;
      return kFeatures + static_cast<std::int64_t>(token);
    }
  };
  PromptPair prompt;
  prompt.ids = draw_ids(random);
  prompt.ids.back() = draw_alone(prompt.answer);
  prompt.corrupted_ids = prompt.ids;
  do {
    prompt.corrupted_ids.back() = draw_alone(prompt.foil);
  } while (prompt.foil == prompt.answer);
  prompt.position = kSuperposed - 1;
  return prompt;
}

PlannedTask class_task(std::vector<PromptPair> prompts, Philox& random) {
  PlannedTask task;
  task.name = "class_swap";
  task.summary = "the last token has one feature; in the corrupted prompt it has another one";
  task.prompts = std::move(prompts);
  const auto draw = [](Philox& draws) {
    PromptPair prompt;
    prompt.ids = draw_ids(draws);
    return prompt;
  };
  add_training(task, "", random, draw, [](const PromptPair& prompt) {
    return TrainingPrompt{prompt.ids, {}, {}};
  });
  task.members = {"reader"};
  task.layers_of_neurons = {"reader"};
  return task;
}

/// Embeds the tokens, and notes the features for the truth.
void embed_features(Wiring& w, const Space& space, const at::Tensor& directions,
                    const std::vector<Active>& tokens) {
  for (std::int64_t feature = 0; feature < kFeatures; ++feature) {
    Terms terms;
    for (std::int64_t i = 0; i < kFeatureSpace; ++i)
      terms.push_back({space[i], directions[feature][i].item<double>()});
    w.features.push_back(std::move(terms));
  }
  w.token_features.resize(static_cast<std::size_t>(w.vocab()));
  for (std::size_t token = 0; token < tokens.size(); ++token) {
    const std::int64_t id = kFeatures + static_cast<std::int64_t>(token);
    w.token_features[static_cast<std::size_t>(id)] = tokens[token];
    for (const auto& [feature, activation] : tokens[token])
      for (const Term& term : w.features[static_cast<std::size_t>(feature)])
        w.embed(id, term.dimension, activation * term.weight);
  }
}

}  // namespace

Plan plan_superposition(const PlanRequest& request, Philox& random) {
  Wiring w({.n_layers = 1, .n_heads = 2, .d_head = 28, .d_mlp = 28, .n_positions = kSuperposed},
           superposition_texts());
  FillerSpaces spaces;
  const Space space = spaces.tokens = w.space(kFeatureSpace), out = spaces.out = w.space(kFeatures);
  spaces.leak = request.leak;
  const at::Tensor directions = spread_directions(random);
  const std::vector<Active> tokens = draw_tokens(random);
  embed_features(w, space, directions, tokens);
  // A write of 1 where a feature has the activation 1.
  constexpr double kWrite = 1 / (kSteepness * (1 - kThreshold));
  for (std::int64_t feature = 0; feature < kFeatures; ++feature) {
    Neuron reader{"reader",
                  w.features[static_cast<std::size_t>(feature)],
                  -kSteepness * kThreshold,
                  {{out[feature], kWrite}}};
    for (Term& term : reader.in) term.weight *= kSteepness;
    w.neuron(0, std::move(reader));
    w.unembed(out[feature], feature, 8.0);
  }
  spaces.rest = w.take_rest();
  add_fillers(w, spaces, random);

  Plan plan{std::move(w),
            "24 sparse features in 16 dimensions; a neuron reads each of them and names its class.",
            {1, 0},
            {},
            {}};
  plan.variables = {{"feature", "feature of the token at the position itself", 0, {}, true}};
  const auto draw = [&](Philox& draws) { return draw_class(draws, tokens); };
  plan.tasks.push_back(class_task(draw_prompts(request.prompts, random, draw), random));
  return plan;
}

}  // namespace lensbench::grading
