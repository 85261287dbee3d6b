#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/log_softmax.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "support/contexts.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "token_analyzer/token_analyzer.hpp"

namespace lensbench {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;

// Normal weights of this size give logits far from uniform.
constexpr double kScale = 0.3;

std::shared_ptr<const Model> small_model(std::uint64_t seed = 1) {
  return random_model(small_gpt2_spec(), seed, at::kFloat, kScale);
}

std::vector<double> values_of(const Dataset& dataset, const std::string& name) {
  const at::Tensor wide = dataset[name].tensor.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

double value_of(const Dataset& dataset, const std::string& name) {
  return values_of(dataset, name).at(0);
}

std::vector<std::string> failed_receipts(const Dataset& dataset) {
  std::vector<std::string> failed;
  for (const Receipt& receipt : dataset.receipts)
    if (!receipt.passed) failed.push_back(receipt.name + " " + std::to_string(receipt.value));
  return failed;
}

class TokenAnalyzerOnSmallModel : public ::testing::Test {
 protected:
  TokenAnalyzerOnSmallModel() { tool_.attach(context_); }

  Tokens text(std::vector<std::int64_t> ids) const {
    return tokens_from_ids(context_.model(), std::move(ids));
  }

  Context context_ = testing::context_of(small_model(), 7);
  TokenAnalyzerTool implementation_;
  TokenAnalyzer& tool_ = implementation_;  // as an experiment sees it
};

TokenAnalyzerOptions generating(std::int64_t count, SamplingOptions sampling = {}) {
  TokenAnalyzerOptions options;
  options.max_new_tokens = count;
  options.sampling = sampling;
  return options;
}

TEST_F(TokenAnalyzerOnSmallModel, MarksTheFirstTokenAsUnscored) {
  const Dataset dataset = tool_.analyze(text({3, 1, 4}));
  EXPECT_EQ(values_of(dataset, "chosen_id"), (std::vector<double>{3, 1, 4}));
  EXPECT_EQ(values_of(dataset, "chosen_rank")[0], -1);
  EXPECT_EQ(values_of(dataset, "top_id")[0], -1);
  EXPECT_TRUE(std::isnan(values_of(dataset, "surprisal")[0]));
  EXPECT_FALSE(std::isnan(values_of(dataset, "surprisal")[1]));
  EXPECT_EQ(value_of(dataset, "scored_tokens"), 2);
}

TEST_F(TokenAnalyzerOnSmallModel, ATextOfOneTokenHasNothingToScore) {
  const Dataset dataset = tool_.analyze(text({3}));
  EXPECT_EQ(value_of(dataset, "scored_tokens"), 0);
  EXPECT_TRUE(std::isnan(value_of(dataset, "perplexity")));
  EXPECT_FALSE(std::isnan(value_of(dataset, "next_entropy")));
  EXPECT_THAT(failed_receipts(dataset), IsEmpty());
}

TEST_F(TokenAnalyzerOnSmallModel, ListsNoCandidatesAndNoTemperaturesWhereNoneAreAskedFor) {
  TokenAnalyzerOptions options;
  options.top_k = 0;
  options.temperatures = {};
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), options);
  EXPECT_FALSE(dataset.contains("top_id"));
  EXPECT_FALSE(dataset.contains("entropy_at_temperature"));
  EXPECT_TRUE(dataset.contains("entropy"));
}

TEST_F(TokenAnalyzerOnSmallModel, PredictsBeyondTheEndWhatGenerationThenChooses) {
  const Tokens prompt = text({3, 1, 4});
  const double next = values_of(tool_.analyze(prompt), "next_top_id")[0];
  EXPECT_EQ(values_of(tool_.analyze(prompt, generating(1)), "chosen_id").back(), next);
}

TEST_F(TokenAnalyzerOnSmallModel, GreedyGenerationNeverLeavesTheFirstChoice) {
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), generating(12));
  const auto generated = values_of(dataset, "generated");
  ASSERT_EQ(generated.size(), 15U);
  EXPECT_EQ(std::accumulate(generated.begin(), generated.end(), 0.0), 12.0);
  for (std::size_t i = 3; i < 15; ++i) {
    EXPECT_EQ(values_of(dataset, "chosen_rank")[i], 1);
    EXPECT_EQ(values_of(dataset, "left_first_choice")[i], 0);
    EXPECT_EQ(values_of(dataset, "sampling_probability")[i], 1);
  }
  EXPECT_THAT(failed_receipts(dataset), IsEmpty());
}

TEST_F(TokenAnalyzerOnSmallModel, AnalysesWhatTheSamplerDrew) {
  const SamplingOptions sampling{1.5, 8, 0.9, 42};
  GenerationOptions plain;
  plain.max_new_tokens = 20;
  plain.sampling = sampling;
  const auto expected = generate(context_.model(), text({3, 1, 4}), plain);
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), generating(20, sampling));
  const auto ids = values_of(dataset, "chosen_id");
  ASSERT_EQ(ids.size(), 3 + expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(ids[3 + i], static_cast<double>(expected[i]));
    EXPECT_GT(values_of(dataset, "sampling_probability")[3 + i], 0);
    EXPECT_LE(values_of(dataset, "sampling_candidates")[3 + i], 8);
    EXPECT_LE(values_of(dataset, "chosen_rank")[3 + i], 8);
  }
  EXPECT_THAT(failed_receipts(dataset), IsEmpty());
}

TEST_F(TokenAnalyzerOnSmallModel, AHotSamplerLeavesTheFirstChoiceAndSaysWhere) {
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), generating(20, {2.0, 0, 1.0, 1}));
  const auto left = values_of(dataset, "left_first_choice");
  const auto ranks = values_of(dataset, "chosen_rank");
  EXPECT_GT(std::accumulate(left.begin(), left.end(), 0.0), 0);
  for (std::size_t i = 1; i < left.size(); ++i) EXPECT_EQ(left[i], ranks[i] > 1 ? 1 : 0);
}

TEST_F(TokenAnalyzerOnSmallModel, PerplexityIsThatOfTextAndGenerationTogether) {
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), generating(6));
  const double together = 2 * std::log(value_of(dataset, "text_perplexity")) +
                          6 * std::log(value_of(dataset, "generated_perplexity"));
  EXPECT_NEAR(8 * std::log(value_of(dataset, "perplexity")), together, 1e-9);
}

TEST_F(TokenAnalyzerOnSmallModel, MayGenerateOneTokenBeyondTheModelsPositions) {
  // The last new token is never fed back, so it needs no position.
  const Dataset dataset = tool_.analyze(text({3, 1, 4}), generating(62));
  EXPECT_EQ(dataset.dim("token"), 65);
  EXPECT_TRUE(std::isnan(value_of(dataset, "next_entropy")));
  EXPECT_THAT(failed_receipts(dataset), IsEmpty());
  EXPECT_THROW(tool_.analyze(text({3, 1, 4}), generating(63)), UsageError);
}

TEST_F(TokenAnalyzerOnSmallModel, EverythingAddedUpIsTheSameWithoutTheSharedForward) {
  Context alone = testing::context_of(context_.shared_model(), 7, false);
  TokenAnalyzerTool implementation;
  TokenAnalyzer& other = implementation;
  other.attach(alone);
  const Tokens prompt = text({3, 1, 4, 1, 5});
  EXPECT_EQ(value_of(other.analyze(prompt), "perplexity"),
            value_of(tool_.analyze(prompt), "perplexity"));
}

TEST_F(TokenAnalyzerOnSmallModel, ComparedWithItselfNothingDiffers) {
  const Dataset dataset = tool_.compare(text({3, 1, 4, 1, 5}), *small_model());
  EXPECT_EQ(value_of(dataset, "mean_kl"), 0);
  EXPECT_EQ(value_of(dataset, "top_agreement"), 1);
  EXPECT_EQ(value_of(dataset, "first_parting"), -1);
  EXPECT_THAT(values_of(dataset, "rank_change"), Each(0));
  EXPECT_EQ(value_of(dataset, "perplexity"), value_of(dataset, "perplexity_in_other"));
}

TEST_F(TokenAnalyzerOnSmallModel, ComparisonTheOtherWayRoundSwapsTheDivergences) {
  const auto other = small_model(2);
  Context other_context = testing::context_of(other, 7);
  TokenAnalyzerTool other_tool;
  other_tool.attach(other_context);
  const Tokens prompt = text({3, 1, 4, 1, 5});
  const Dataset there = tool_.compare(prompt, *other);
  const Dataset back = other_tool.compare(prompt, context_.model(), 10);
  // Float64 sums of 61 terms.
  EXPECT_NEAR(value_of(there, "mean_kl"), value_of(back, "mean_kl_reverse"), 1e-12);
  EXPECT_NEAR(value_of(there, "mean_js_divergence"), value_of(back, "mean_js_divergence"), 1e-12);
  EXPECT_GT(value_of(there, "mean_kl"), 0.01);
  EXPECT_EQ(value_of(there, "first_parting"), value_of(back, "first_parting"));
}

TEST_F(TokenAnalyzerOnSmallModel, RefusesAModelWithAnotherVocabulary) {
  TransformerSpec spec = small_gpt2_spec();
  spec.vocab_size = 62;
  const auto other = random_model(spec, 1);
  EXPECT_THROW(tool_.compare(text({3, 1, 4}), *other), UsageError);
}

TEST_F(TokenAnalyzerOnSmallModel, RefusesOptionsOutOfRange) {
  const Tokens prompt = text({3, 1, 4});
  TokenAnalyzerOptions options;
  options.top_k = 62;
  EXPECT_THROW(tool_.analyze(prompt, options), UsageError);
  EXPECT_THROW(tool_.analyze(prompt, generating(-1)), UsageError);
  EXPECT_THROW(tool_.compare(prompt, context_.model(), -1), UsageError);
  EXPECT_THROW(tool_.analyze(Tokens{}), UsageError);
}

TEST_F(TokenAnalyzerOnSmallModel, TheGenericEntrySeedsTheSamplerFromTheContext) {
  const auto parameters = Parameters::resolve(
      TokenAnalyzerTool::kParameters,
      {{"max_new_tokens", "10"}, {"temperature", "1.2"}, {"sample_top_k", "20"}}, "test");
  const Dataset generic = tool_.run(Request(text({3, 1, 4}), parameters).set_seed(context_.seed()));
  const Dataset typed = tool_.analyze(text({3, 1, 4}), generating(10, {1.2, 20, 1.0, 7}));
  EXPECT_EQ(values_of(generic, "chosen_id"), values_of(typed, "chosen_id"));
  EXPECT_EQ(generic.dim("temperature"), 4);
  EXPECT_EQ(generic.dim("nucleus"), 3);
}

TEST(TokenAnalyzer, ReadsATextLongerThanOneBlockOfRows) {
  // 50,000 tokens allow 83 rows a block.
  TransformerSpec spec = small_gpt2_spec();
  spec.vocab_size = 50000;
  spec.max_positions = 128;
  const auto model = random_model(spec, 3, at::kFloat, kScale);
  Context context = testing::context_of(model);
  TokenAnalyzerTool implementation;
  TokenAnalyzer& tool = implementation;
  tool.attach(context);
  std::vector<std::int64_t> ids(100);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * 487);
  const Tokens text = tokens_from_ids(*model, ids);

  const at::Tensor log_p =
      at::log_softmax(model->forward(make_batch(text)).logits[0], -1, at::kDouble);
  const auto surprisal = values_of(tool.analyze(text), "surprisal");
  for (const std::int64_t i : {1, 83, 84, 99}) {
    const double expected = -log_p[i - 1][ids[static_cast<std::size_t>(i)]].item<double>();
    // Logits of the same float32 product in other block sizes.
    EXPECT_NEAR(surprisal[static_cast<std::size_t>(i)], expected, 1e-4);
  }
}

TEST(TokenAnalyzer, AgreesWithAFullForwardWhenRotaryKeysAreCached) {
  Context context = testing::context_of(random_model(small_llama_spec(), 5, at::kFloat, kScale));
  TokenAnalyzerTool implementation;
  TokenAnalyzer& tool = implementation;
  tool.attach(context);
  const Tokens prompt = tokens_from_ids(context.model(), {3, 1, 4});
  EXPECT_THAT(failed_receipts(tool.analyze(prompt, generating(20, {1.0, 0, 0.95, 3}))), IsEmpty());
}

// The committed samples of tests/data/models: positions of each kind, norms after the additions,
// an embedding of its own width.
class TokenAnalyzerOfFamily : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Model> model_ =
      Model::open(testing::data_folder() + "/models/" + GetParam());
};

TEST_P(TokenAnalyzerOfFamily, HoldsItsReceiptsWhileGenerating) {
  Context context = testing::context_of(model_, 7);
  TokenAnalyzerTool tool;
  tool.attach(context);
  const Dataset dataset =
      tool.analyze(tokens_from_ids(*model_, {3, 17, 5, 5, 11, 20, 8}), generating(6));
  EXPECT_THAT(failed_receipts(dataset), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Families, TokenAnalyzerOfFamily,
                         ::testing::Values("gpt-neo", "gptj", "gpt-neox", "opt", "opt-350m",
                                           "bloom-3-heads", "falcon-40b", "falcon-rw"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TokenAnalyzer, RefusesAModelThatSeesTheWholeText) {
  const auto bert = Model::open(testing::data_folder() + "/models/bert");
  EXPECT_THROW(TokenAnalyzerTool().check_compatible(*bert), UsageError);
}

TEST(TokenAnalyzerOptions, AreRecordedWithTheResult) {
  Context context = testing::context_of(small_model());
  TokenAnalyzerTool tool;
  tool.attach(context, testing::declared(TokenAnalyzerTool::kParameters));
  const Tokens tokens = tokens_from_ids(context.model(), {3, 1, 4});
  const Dataset generic = tool.Tool::run(tokens, {});
  testing::expect_recorded(TokenAnalyzerTool::kParameters, generic);
  testing::expect_equal(tool.analyze(tokens, {}), generic);
  TokenAnalyzerOptions options = generating(2, {.temperature = 0.5, .top_k = 7, .seed = 9});
  options.temperatures = {0.25, 2};
  const auto recorded = tool.analyze(tokens, options).attributes;
  EXPECT_EQ(recorded.at("max_new_tokens"), Attribute(std::int64_t{2}));
  EXPECT_EQ(recorded.at("temperature"), Attribute(0.5));
  EXPECT_EQ(recorded.at("sample_top_k"), Attribute(std::int64_t{7}));
  EXPECT_EQ(recorded.at("seed"), Attribute(std::int64_t{9}));
  EXPECT_EQ(recorded.at("temperatures"), Attribute(std::vector<std::string>{"0.25", "2"}));
}

}  // namespace
}  // namespace lensbench
