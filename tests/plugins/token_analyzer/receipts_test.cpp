#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <lensbench/generation.hpp>
#include <memory>
#include <string>
#include <utility>

#include "support/random_model.hpp"
#include "token_analyzer/analysis.hpp"
#include "token_analyzer/model_comparison.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::token_analysis {
namespace {

/// A model whose steps from a key-value cache read another token than they were given.
class FaultyCache final : public Model {
 public:
  explicit FaultyCache(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  const TransformerSpec& spec() const override { return model_->spec(); }
  const ModelOptions& options() const override { return model_->options(); }
  const std::filesystem::path& directory() const override { return model_->directory(); }
  std::vector<ModelFile> files() const override { return model_->files(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_->tokenizer(); }
  std::vector<std::int64_t> end_of_sequence_ids() const override { return {}; }
  ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options,
                        const Hooks& hooks) const override {
    if (options.cache == nullptr || options.cache->length() == 0)
      return model_->forward(tokens, options, hooks);
    TokenBatch other = tokens;
    other.ids = (tokens.ids + 1).remainder(spec().vocab_size);
    return model_->forward(other, options, hooks);
  }
  at::Tensor final_norm(const at::Tensor& residual) const override {
    return model_->final_norm(residual);
  }
  at::Tensor unembed(const at::Tensor& normalized) const override {
    return model_->unembed(normalized);
  }
  const Unembedding& unembedding() const override { return model_->unembedding(); }
  at::Tensor weight(std::string_view name) const override { return model_->weight(name); }

 private:
  std::shared_ptr<const Model> model_;
};

std::shared_ptr<const Model> analyzed_model() {
  return random_model(small_gpt2_spec(), 1, at::kFloat, 0.3);
}

bool passed(const std::vector<Receipt>& receipts, const std::string& name) {
  for (const Receipt& receipt : receipts)
    if (receipt.name == name) return receipt.passed;
  ADD_FAILURE() << "there is no receipt " << name;
  return false;
}

TEST(TokenAnalyzerReceipts, FailForACacheThatGivesOtherSteps) {
  const auto model = analyzed_model();
  const Tokens tokens = tokens_from_ids(*model, {3, 17, 5});
  for (const std::int64_t steps : {2, 5, 12}) {
    const Analysis good = analyze_generation(*model, tokens, steps, {});
    const Analysis bad = analyze_generation(FaultyCache(model), tokens, steps, {});
    EXPECT_TRUE(passed(good.receipts, "cached_steps_equal_full_forward")) << steps;
    EXPECT_FALSE(passed(bad.receipts, "cached_steps_equal_full_forward")) << steps;
  }
}

TEST(TokenAnalyzerReceipts, PassWhereALongerTextChangesTheRotation) {
  TransformerSpec spec = small_llama_spec();
  spec.rope->scaling = RopeSpec::Scaling::dynamic;
  spec.rope->factor = 8.0;
  spec.rope->original_max_positions = 8;
  const auto model = random_model(spec, 3, at::kFloat, 0.3);
  const Tokens tokens = tokens_from_ids(*model, {3, 17, 5, 11, 2, 8});
  const Analysis good = analyze_generation(*model, tokens, 9, {});
  EXPECT_TRUE(passed(good.receipts, "cached_steps_equal_full_forward"));
  const Analysis bad = analyze_generation(FaultyCache(model), tokens, 2, {});
  EXPECT_FALSE(passed(bad.receipts, "cached_steps_equal_full_forward"));
}

TEST(TokenAnalyzerReceipts, SeeAnAccountThatIsNotTheOneOfTheSampler) {
  const std::vector<float> logits{0.5F, 2.0F, -1.0F, 1.0F};
  const SamplingOptions sampling{.temperature = 0.7, .top_k = 3};
  const at::Tensor drawn_from = sampling_distribution(at::tensor(logits), sampling);
  StepOptions options{.top_k = 2};
  options.sampling = sampling;
  SamplerErrors right, other_options, other_total;
  check_sampler(right, analyze_step(logits, 1, options), drawn_from);
  EXPECT_LT(right.total, 1e-12);
  EXPECT_LT(right.probability, 1e-12);
  check_sampler(other_total, analyze_step(logits, 1, options), drawn_from * 0.999);
  EXPECT_GT(other_total.total, 1e-4);
  options.sampling.temperature = 0.8;
  check_sampler(other_options, analyze_step(logits, 1, options), drawn_from);
  EXPECT_GT(other_options.probability, 1e-4);
}

TEST(TokenAnalyzerReceipts, FailForNumbersThatDoNotFitTogether) {
  const auto model = analyzed_model();
  const Tokens tokens = tokens_from_ids(*model, {3, 17, 5, 5, 11});
  const Analysis good =
      analyze_text(*model, tokens, model->forward(make_batch(tokens)).residual[0], {});
  Analysis total = good, surprisal = good;
  TokenAnalyzerOptions options;  // options of the steps: no temperatures, no nuclei
  options.temperatures = options.nucleus = {};
  total.steps[2].total += 1e-6;
  surprisal.steps[2].surprisal += 1e-6;
  EXPECT_TRUE(passed(analysis_dataset(good, options).receipts, "distributions_sum_to_one"));
  EXPECT_TRUE(passed(analysis_dataset(good, options).receipts, "perplexity_recomputed"));
  EXPECT_FALSE(passed(analysis_dataset(total, options).receipts, "distributions_sum_to_one"));
  EXPECT_FALSE(passed(analysis_dataset(surprisal, options).receipts, "perplexity_recomputed"));
}

TEST(TokenAnalyzerReceipts, FailForDivergencesThatDoNotFitTheirEntropies) {
  const auto model = analyzed_model(), other = random_model(small_gpt2_spec(), 2);
  const Tokens tokens = tokens_from_ids(*model, {3, 17, 5});
  const TextComparison good =
      compare_text(*model, model->forward(make_batch(tokens)).residual[0], *other, tokens, 2);
  TextComparison total = good, js = good;
  total.steps[1].total_in_other -= 1e-6;
  js.steps[2].divergence.js += 1e-6;
  const auto receipts = [&](const TextComparison& comparison) {
    return comparison_dataset(tokens, comparison).receipts;
  };
  EXPECT_TRUE(passed(receipts(good), "compared_distributions_sum_to_one"));
  EXPECT_TRUE(passed(receipts(good), "js_divergence_equals_entropy_form"));
  EXPECT_FALSE(passed(receipts(total), "compared_distributions_sum_to_one"));
  EXPECT_FALSE(passed(receipts(js), "js_divergence_equals_entropy_form"));
}

}  // namespace
}  // namespace lensbench::token_analysis
