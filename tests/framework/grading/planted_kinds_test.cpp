// What follows by hand from the mechanism of a kind, against what exact patching measures.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "framework/grading/planted.hpp"
#include "grading/exact/exact_task.hpp"
#include "grading/exact/measure_edges.hpp"
#include "support/tensors.hpp"

namespace lensbench::grading {
namespace {

using testing::Planted;

// By hand: with both bits 1, corrupted to 0, AND is lost with either bit and comes back with both
// alone; OR stays with either and comes back with either. XOR follows each bit that changed: all of
// it on the prompts whose x did, and nothing on the others.
TEST(Boolean, HasTheEffectsOfItsFunctions) {
  const Planted planted("boolean");
  const double leak = 1e-4;  // attention of e^-12 on other tokens, and rounding of five digits
  for (const char* bit : {"bit_x", "bit_y"}) {
    const auto& tasks = planted.truth.tasks;
    EXPECT_NEAR(planted.share_of(tasks[0], bit, "total"), 1, leak) << "and";
    EXPECT_NEAR(planted.share_of(tasks[0], bit, "restore"), 0, leak) << "and";
    EXPECT_NEAR(planted.share_of(tasks[1], bit, "total"), 0, leak) << "or";
    EXPECT_NEAR(planted.share_of(tasks[1], bit, "restore"), 1, leak) << "or";
    const Task& exclusive = tasks[2];
    double changed = 0;
    for (const PromptPair& prompt : exclusive.prompts) {
      const auto at =
          static_cast<std::size_t>(prompt.sources.at(bit == std::string("bit_x") ? "x" : "y"));
      changed += prompt.ids[at] != prompt.corrupted_ids[at] ? 1 : 0;
    }
    changed /= static_cast<double>(exclusive.prompts.size());
    // Prompts have nearly the same gap: the bigrams of the last token alone differ between answers.
    EXPECT_NEAR(planted.share_of(exclusive, bit, "total"), changed, 0.05) << "xor";
  }
}

// By hand: with one store exchanged, both values are moved, and the answer is as likely as the
// foil: half of the gap. Silencing one loses nothing; the MLP of the other one guesses, too.
TEST(FactLlama, StoresEveryValueTwice) {
  const Planted planted("fact_llama");
  const Task& task = planted.truth.tasks[0];
  ASSERT_EQ(task.name, "subject_swap");
  for (const char* store : {"store_a", "store_b"})
    EXPECT_NEAR(planted.share_of(task, store, "total"), 0.5, 0.05) << store;
  EXPECT_NEAR(planted.share_of(task, "store_b", "zero"), 0, 1e-3);
}

// By hand: the head moves the values of both relations, whichever is asked; the gated MLP chooses.
TEST(FactLlama, ChoosesInTheGatedMlpAndNotInTheHead) {
  const Planted planted("fact_llama");
  const Task &subject = planted.truth.tasks[0], &relation = planted.truth.tasks[1];
  ASSERT_EQ(relation.name, "relation_swap");
  EXPECT_NEAR(planted.share_of(subject, "mover", "total"), 1, 0.01);
  EXPECT_NEAR(planted.share_of(relation, "mover", "total"), 0, 1e-3);
  // The guesses for both relations may be right, of which nine tenths then stay.
  EXPECT_GT(planted.share_of(relation, "or_gate", "total"), 0.1);
}

// By hand: without the token before each position nothing is found, and the head itself does not
// write into the logits (Olsson et al., arXiv:2209.11895).
TEST(InductionLlama, FindsTheAnswerThroughThePreviousTokenHead) {
  const Planted planted("induction_llama");
  const Task& task = planted.truth.tasks[0];
  ASSERT_EQ(task.name, "key_swap");
  EXPECT_NEAR(planted.share_of(task, "previous_token", "total"), 1, 0.01);
  EXPECT_NEAR(planted.share_of(task, "previous_token", "direct"), 0, 0.01);
}

// By hand: other keys are at least 24 lower, the first token, which holds nothing, 12.
TEST(InductionLlama, AttendsByRotaryAnglesAndByContent) {
  const Planted planted("induction_llama");
  ASSERT_EQ(planted.truth.tasks[0].attention.size(), 3u);
  for (const AttendedKey& key : planted.truth.tasks[0].attention)
    for (const double mass : key.mass) EXPECT_GT(mass, 1 - 2 * std::exp(-12.0)) << key.head;
}

TEST(InductionLlama, SharesKeysAndValuesBetweenHeads) {
  const AttentionSpec heads = Planted("induction_llama").model->spec().attention;
  EXPECT_EQ(heads.n_heads, 4);
  EXPECT_EQ(heads.n_key_value_heads, 2);
}

/// Entropy of a token with k followers, by hand: nine tenths are shared by them, of which the first
/// has two parts, and the other 16 - k tokens share the rest.
double entropy_by_hand(double k) {
  const double part = 0.9 / (k + 1), rest = 0.1 / (16 - k);
  return -(2 * part * std::log(2 * part) + (k - 1) * part * std::log(part) + 0.1 * std::log(rest));
}

TEST(Bigram, HasTheEntropiesOfItsTable) {
  const Planted planted("bigram");
  const Task& task = planted.truth.tasks[0];
  std::map<std::int64_t, double> after;  // by token
  for (std::size_t p = 0; p < task.prompts.size(); ++p)
    for (std::size_t i = 0; i + 1 < task.prompts[p].ids.size(); ++i) {
      const double entropy = task.distribution->entropy[i][p];
      double nearest = 1;
      for (const double k : {1.0, 2.0, 4.0, 8.0})
        nearest = std::min(nearest, std::fabs(entropy - entropy_by_hand(k)));
      // Norms scale logits of up to 6 by up to 1e-4, since a decoy writes a lot.
      EXPECT_LT(nearest, 1e-3) << "prompt " << p << ", position " << i + 1 << ": " << entropy;
      const auto [known, is_new] = after.emplace(task.prompts[p].ids[i], entropy);
      EXPECT_NEAR(known->second, entropy, 1e-3) << "the same token came before";
    }
  EXPECT_GE(after.size(), 4u);
}

// By hand: a token is the first follower of the one before (two parts), another one (one part) or
// none (a part of the rest).
TEST(Bigram, HasTheProbabilitiesOfItsTable) {
  const Planted planted("bigram");
  const DistributionTruth& distribution = *planted.truth.tasks[0].distribution;
  for (std::size_t i = 0; i < distribution.probability.size(); ++i)
    for (std::size_t p = 0; p < distribution.probability[i].size(); ++p) {
      const double probability = distribution.probability[i][p];
      double nearest = 1;
      for (const double k : {1.0, 2.0, 4.0, 8.0})
        for (const double by_hand : {1.8 / (k + 1), 0.9 / (k + 1), 0.1 / (16 - k)})
          nearest = std::min(nearest, std::fabs(probability - by_hand));
      EXPECT_LT(nearest, 2e-4) << probability;
      EXPECT_NEAR(distribution.surprisal[i][p], -std::log(probability), 1e-4);
    }
}

TEST(Bigram, HasItsTableInTheMlpAlone) {
  const Planted planted("bigram");
  const Task& task = planted.truth.tasks[0];
  EXPECT_NEAR(planted.share_of(task, "table", "total"), 1, 1e-3);
  EXPECT_NEAR(planted.share_of(task, "table", "direct"), 1, 1e-3);
  EXPECT_NEAR(planted.share_of(task, "decoy_attention", "total"), 0, 1e-3);
}

TEST(MirrorBert, LooksAheadAndBack) {
  const Planted planted("mirror_bert");
  ASSERT_EQ(planted.truth.tasks.size(), 2u);
  for (const Task& task : planted.truth.tasks)
    for (const AttendedKey& known : task.attention)
      for (std::size_t i = 0; i < task.prompts.size(); ++i) {
        const std::int64_t position = task.prompts[i].position;
        // The prompt is <cls> and six letters; the first letter is mirrored at the last.
        EXPECT_EQ(known.keys[i], 7 - position);
        EXPECT_EQ(known.keys[i] > position, task.name == "look_ahead");
        EXPECT_GT(known.mass[i], 1 - 2 * std::exp(-12.0)) << known.head;
      }
}

// By hand: the answer comes through the head, and the MLP writes it where the letter is masked.
TEST(MirrorBert, HasTheEffectsOfItsHeadAndGate) {
  const Planted planted("mirror_bert");
  for (const Task& task : planted.truth.tasks) {
    EXPECT_NEAR(planted.share_of(task, "mirror", "total"), 1, 0.01) << task.name;
    EXPECT_NEAR(planted.share_of(task, "mirror", "restore"), 1, 0.01) << task.name;
    EXPECT_NEAR(planted.share_of(task, "decoy_attention", "total"), 0, 1e-3) << task.name;
    // The suppressor takes a quarter off what the gate writes, and is left when it is exchanged.
    EXPECT_NEAR(planted.share_of(task, "answer_gate", "total"), 1, 0.01) << task.name;
    EXPECT_NEAR(planted.share_of(task, "suppressor", "total"), -1.0 / 3, 0.02) << task.name;
  }
}

// A path from a component to the logits alone is not defined where norms follow the additions.
TEST(MirrorBert, LeavesOutWhatIsNotDefinedInAnEncoder) {
  const Planted planted("mirror_bert");
  const Task& task = planted.truth.tasks[0];
  EXPECT_EQ(task.effects->values.count("total"), 1u);
  for (const char* effect : {"direct", "dla"}) EXPECT_EQ(task.effects->values.count(effect), 0u);
  EXPECT_FALSE(task.distribution);
  EXPECT_THROW(measure_edges(run_task(planted.exact(), task.prompts, task.name)), InputError);
}

// The head of the model itself, in the product's float32 forward, on what the stream is there.
TEST(MirrorBert, ReadsLayersAsTheModelsOwnHeadDoes) {
  const Planted planted("mirror_bert", Gauge::rotated, 2);
  const Task& task = planted.truth.tasks[1];
  for (std::size_t i = 0; i < task.prompts.size(); ++i) {
    const at::Tensor ids = testing::rows_of({task.prompts[i].ids});
    Hooks hooks;
    std::vector<at::Tensor> streams;
    for (const char* name : {"blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre"})
      hooks.read(name, [&](const at::Tensor& value, const HookPoint&) {
        streams.push_back(value[0][task.prompts[i].position].clone());
      });
    planted.model->forward({ids, {}}, {}, hooks);
    ASSERT_EQ(streams.size(), 2u);
    for (std::size_t layer = 0; layer < streams.size(); ++layer) {
      const at::Tensor logits = planted.model->unembed(planted.model->final_norm(streams[layer]));
      EXPECT_NEAR(logits.softmax(-1)[task.prompts[i].answer].item<double>(),
                  task.readout->probability[layer][i], 1e-4)
          << "layer " << layer;
    }
  }
}

TEST(Superposition, HasMoreFeaturesThanDimensions) {
  const Planted planted("superposition", Gauge::rotated, 2);
  const FeatureTruth& features = *planted.truth.features;
  ASSERT_EQ(features.direction.size(), 24u);
  std::vector<at::Tensor> rows;
  for (const auto& direction : features.direction)
    rows.push_back(at::tensor(direction, at::kDouble));
  const at::Tensor directions = at::stack(rows);
  at::Tensor cosines = at::matmul(directions, directions.t());
  // The number of eigenvalues above 0 is that of the dimensions.
  EXPECT_EQ((at::linalg_eigvalsh(cosines) > 1e-6).sum().item<std::int64_t>(), 16);
  EXPECT_LT(testing::largest_difference(cosines.diagonal(), at::ones({24}, at::kDouble)), 1e-6);
  EXPECT_LT(testing::largest(cosines.fill_diagonal_(0)), 0.2);
}

// Every token: the classes of its features are the first choices, in the product's own forward.
TEST(Superposition, NamesTheFeaturesOfEveryToken) {
  const Planted planted("superposition", Gauge::rotated, 2);
  const FeatureTruth& features = *planted.truth.features;
  std::size_t named = 0;
  for (std::size_t id = 0; id < features.token_activation.size(); ++id) {
    const auto& active = features.token_activation[id];
    if (active.empty()) continue;
    const at::Tensor ids = testing::rows_of({{static_cast<std::int64_t>(id)}});
    const at::Tensor logits = planted.model->forward({ids, {}}, {}).logits[0][0];
    const auto best = std::get<1>(logits.topk(static_cast<std::int64_t>(active.size())));
    std::set<std::int64_t> found, expected;
    for (std::int64_t i = 0; i < best.numel(); ++i) found.insert(best[i].item<std::int64_t>());
    for (const auto& [feature, activation] : active) expected.insert(feature);
    EXPECT_EQ(found, expected) << "token " << id;
    ++named;
  }
  EXPECT_EQ(named, 128u);
}

/// Training prompts of a task; none is graded.
const std::vector<TrainingPrompt>& training_of(const Task& task) {
  EXPECT_EQ(task.train.size(), 512u);
  for (const TrainingPrompt& training : task.train)
    for (const PromptPair& prompt : task.prompts) {
      EXPECT_NE(training.ids, prompt.ids);
      EXPECT_NE(training.ids, prompt.corrupted_ids);
    }
  return task.train;
}

TEST(Superposition, HasTrainingPromptsWithoutLabels) {
  const Planted planted("superposition");
  EXPECT_EQ(planted.truth.tasks[0].variable, "");
  for (const TrainingPrompt& training : training_of(planted.truth.tasks[0]))
    EXPECT_FALSE(training.label || training.position);
}

// Labels are the tokens before and after the position that is read.
TEST(TrainingPrompts, OfInductionSayTheNeighboursOfAPosition) {
  const Planted planted("induction");
  for (const auto& [task, variable, offset] :
       {std::tuple{0, "previous_token", -1}, {1, "following_token", 1}}) {
    const Task& own = planted.truth.tasks[static_cast<std::size_t>(task)];
    EXPECT_EQ(own.variable, variable);
    for (const TrainingPrompt& training : training_of(own))
      EXPECT_EQ(*training.label,
                training.ids[static_cast<std::size_t>(*training.position + offset)]);
  }
}

// The repeated name stands twice before the question, which the other name does once.
TEST(TrainingPrompts, OfNamesSayTheOneThatIsRepeated) {
  const Planted planted("name_mover");
  for (const TrainingPrompt& training : training_of(planted.truth.tasks[0]))
    EXPECT_EQ(std::count(training.ids.begin(), training.ids.end(), *training.label), 2);
}

// A word is its own mirror image: the label is the letter at the place that mirrors the mask.
TEST(TrainingPrompts, OfMirroredWordsSayTheMaskedLetter) {
  const Planted planted("mirror_bert");
  for (const TrainingPrompt& training : training_of(planted.truth.tasks[0])) {
    const auto mirrored = static_cast<std::int64_t>(training.ids.size()) - *training.position;
    EXPECT_EQ(*training.label, training.ids[static_cast<std::size_t>(mirrored)]);
  }
}

}  // namespace
}  // namespace lensbench::grading
