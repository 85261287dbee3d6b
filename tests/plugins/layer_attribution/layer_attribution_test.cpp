// What must hold whatever the weights, and what is refused.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/corrcoef.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "attribution_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/sample_models.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::attribution {
namespace {

using ::lensbench::testing::message_of;
using ::lensbench::testing::TempDir;

// Float32 products summed in another order.
constexpr double kRounding = 1e-5;

class LayerAttributionTest : public ::testing::Test {
 protected:
  Dataset run(const std::vector<std::int64_t>& ids = {3, 17, 5, 5, 11},
              const std::map<std::string, std::string>& given = {}) {
    const Parameters parameters =
        Parameters::resolve(LayerAttributionTool::kParameters, given, "tool 'layer_attribution'");
    return gpt2_.tool().run(Request(gpt2_.tokens(ids), parameters));
  }
  std::string refusal(const std::map<std::string, std::string>& given,
                      const std::vector<std::int64_t>& ids = {3, 17, 5}) {
    return message_of<UsageError>([&] { run(ids, given); });
  }

  AttributedModel gpt2_{AttributedModel::folder("gpt2")};
};

TEST_F(LayerAttributionTest, NamesComponentsInForwardOrder) {
  EXPECT_EQ(run()["component"].strings,
            (std::vector<std::string>{"embed", "pos_embed", "0_attn_out", "0_mlp_out", "1_attn_out",
                                      "1_mlp_out", "2_attn_out", "2_mlp_out", "bias"}));
}

TEST_F(LayerAttributionTest, HasNoPositionComponentWhereTheModelAddsNone) {
  AttributedModel llama(AttributedModel::folder("llama"));
  const Dataset dataset = llama.tool().to_logit(llama.tokens({1, 2}), Target::model(), {});
  EXPECT_EQ(dataset["component"].strings[1], "0_attn_out");
  EXPECT_EQ(value(dataset, "logit_contribution", {component_index(dataset, "bias"), 0}), 0.0);
}

TEST_F(LayerAttributionTest, SumsToTheTargetLogitWithinTheResidualItReports) {
  const Dataset dataset = run();
  const at::Tensor sum = dataset["logit_contribution"].tensor.sum(0);
  const at::Tensor difference = sum - dataset["target_logit"].tensor;
  EXPECT_LT((difference - dataset["sum_residual"].tensor).abs().max().item<double>(), kExact);
  EXPECT_LT(difference.abs().max().item<double>(), kRounding);
}

TEST_F(LayerAttributionTest, ReadsTheModelsOwnLogit) {
  const Tokens tokens = gpt2_.tokens({3, 17, 5, 5, 11});
  const at::Tensor logits = gpt2_.model().forward(make_batch(tokens)).logits[0];
  const Dataset dataset = run();
  for (std::int64_t i = 0; i < tokens.size(); ++i)
    EXPECT_NEAR(value(dataset, "target_logit", {i}), logits[i].max().item<double>(), kRounding);
}

TEST_F(LayerAttributionTest, AccumulatesToTheTargetLogit) {
  const Dataset dataset = run();
  const at::Tensor sum = dataset["logit_contribution"].tensor.sum(0);
  EXPECT_LT((dataset["cumulative"].tensor[-1] - sum).abs().max().item<double>(), kExact);
  EXPECT_LT((dataset["accumulated"].tensor[-1] - sum).abs().max().item<double>(), kExact);
}

TEST_F(LayerAttributionTest, AddsAttentionAndMlpToEachBlock) {
  const Dataset dataset = run();
  const double both =
      value(dataset, "logit_contribution", {component_index(dataset, "1_attn_out"), 4}) +
      value(dataset, "logit_contribution", {component_index(dataset, "1_mlp_out"), 4});
  EXPECT_NEAR(value(dataset, "layer_contribution", {1, 4}), both, kExact);
}

TEST_F(LayerAttributionTest, HeadsAndTheirBiasSumToTheAttentionOutput) {
  const Dataset dataset = run();
  const at::Tensor heads =
      dataset["head_contribution"].tensor.sum(1) + dataset["attention_bias_contribution"].tensor;
  for (std::int64_t layer = 0; layer < 3; ++layer) {
    const std::int64_t row = component_index(dataset, std::to_string(layer) + "_attn_out");
    const at::Tensor whole = dataset["logit_contribution"].tensor[row];
    EXPECT_LT((heads[layer] - whole).abs().max().item<double>(), kRounding);
  }
}

TEST_F(LayerAttributionTest, MarksWhatWasNotAblated) {
  const Dataset dataset = run();
  for (const char* label : {"embed", "pos_embed", "bias"})
    EXPECT_TRUE(
        std::isnan(value(dataset, "ablation_effect", {0, component_index(dataset, label), 0})))
        << label;
}

TEST_F(LayerAttributionTest, PassesItsReceipts) {
  for (const Receipt& receipt : run({3, 17, 5}, {{"neurons", "2"}}).receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << " " << receipt.value << " > "
                                << receipt.tolerance;
}

TEST_F(LayerAttributionTest, PassesItsReceiptsInBfloat16) {
  for (const char* family : {"gpt2", "llama"}) {
    AttributedModel half(AttributedModel::folder(family), {at::kBFloat16, at::kCPU});
    const Dataset dataset = half.tool().to_logit(half.tokens({3, 17, 5}), Target::next(), {});
    EXPECT_EQ(dataset.receipts.size(), 5u);
    for (const Receipt& receipt : dataset.receipts)
      EXPECT_TRUE(receipt.passed) << family << ": " << receipt.name << " " << receipt.value << " > "
                                  << receipt.tolerance;
  }
}

TEST_F(LayerAttributionTest, FindsReplacingAnActivationByItselfExact) {
  for (const Receipt& receipt : run().receipts) {
    if (receipt.name == "replacing_an_activation_by_itself_changes_nothing") {
      EXPECT_EQ(receipt.value, 0.0);
      return;
    }
  }
  FAIL() << "there is no such receipt";
}

TEST_F(LayerAttributionTest, CorrelatesWithTheLogitThatAblationTakes) {
  const Dataset dataset = run();
  const double r = value(dataset, "pearson", {0, 4}), rho = value(dataset, "spearman", {0, 4});
  const at::Tensor x = dataset["logit_contribution"].tensor.narrow(0, 2, 6).select(1, 4);
  const at::Tensor y = dataset["ablation_effect"].tensor[0].narrow(0, 2, 6).select(1, 4).neg();
  const at::Tensor correlation = at::corrcoef(at::stack({x, y}));
  EXPECT_NEAR(r, correlation[0][1].item<double>(), kExact);
  const at::Tensor ranks = at::stack({x.argsort().argsort(), y.argsort().argsort()});
  EXPECT_NEAR(rho, at::corrcoef(ranks.to(at::kDouble))[0][1].item<double>(), kExact);
}

TEST_F(LayerAttributionTest, HasNothingToAverageInAPromptOfOneToken) {
  const Dataset dataset = run({3}, {{"ablation", "mean_of_prompt"}});
  const at::Tensor effect = dataset["ablation_effect"].tensor[0].narrow(0, 2, 6);
  EXPECT_EQ(effect.abs().max().item<double>(), 0.0);
  EXPECT_TRUE(std::isnan(value(dataset, "pearson", {0, 0})));
}

TEST_F(LayerAttributionTest, LeavesOutWhatWasNotAsked) {
  const Dataset dataset = run({3, 17}, {{"ablation", "none"}, {"heads", "false"}});
  for (const char* name :
       {"ablation_effect", "pearson", "head_contribution", "neuron_layer", "versus_id"})
    EXPECT_FALSE(dataset.contains(name)) << name;
  EXPECT_TRUE(dataset.contains("logit_contribution"));
}

TEST_F(LayerAttributionTest, ListsNeuronsAtTheChosenPosition) {
  const Dataset second = run({3, 17, 5}, {{"neurons", "3"}, {"position", "1"}, {"target", "4"}});
  const Dataset prefix = run({3, 17}, {{"neurons", "3"}, {"target", "4"}});
  EXPECT_LT((second["neuron_contribution"].tensor - prefix["neuron_contribution"].tensor)
                .abs()
                .max()
                .item<double>(),
            kRounding);
}

TEST_F(LayerAttributionTest, RunsOneForwardForWhatItReads) {
  run();
  EXPECT_EQ(ContextAccess::forwards(gpt2_.context()), 1);
}

TEST_F(LayerAttributionTest, RefusesATokenOutsideTheVocabulary) {
  const std::string message = message_of<UsageError>(
      [&] { gpt2_.tool().to_logit(gpt2_.tokens({3}), Target::token(29), {}); });
  EXPECT_NE(message.find("29"), std::string::npos) << message;
}

TEST_F(LayerAttributionTest, RefusesAPositionOutsideThePrompt) {
  EXPECT_NE(refusal({{"position", "3"}}).find("position 3"), std::string::npos);
  EXPECT_NE(refusal({{"position", "-4"}}).find("position -4"), std::string::npos);
}

TEST_F(LayerAttributionTest, RefusesADifferenceOfATokenToItself) {
  EXPECT_NE(refusal({{"target", "7"}, {"versus", "7"}}).find("same token"), std::string::npos);
}

TEST_F(LayerAttributionTest, RefusesAnUnknownOrRepeatedAblation) {
  for (const char* given : {"zero,median", "zero,zero"})
    EXPECT_NE(refusal({{"ablation", given}})
                  .find("one or more of zero, mean, mean_of_prompt, separated by commas, "
                        "each once"),
              std::string::npos)
        << given;
}

TEST_F(LayerAttributionTest, RefusesACountOfNeuronsTheModelDoesNotHave) {
  EXPECT_NE(refusal({{"neurons", "-1"}}).find("-1"), std::string::npos);
  EXPECT_NE(refusal({{"neurons", "37"}}).find("36"), std::string::npos);  // 3 layers of 12
}

TEST_F(LayerAttributionTest, RefusesAnEmptyPrompt) {
  EXPECT_NE(refusal({}, {}).find("the prompt is empty"), std::string::npos);
}

/// The Llama checkpoint with room for a prompt that fills a batch by itself.
std::string long_context_llama(const TempDir& folder) {
  namespace fs = std::filesystem;
  const fs::path source = AttributedModel::folder("llama");
  nlohmann::json config;
  std::ifstream(source / "config.json") >> config;
  config["max_position_embeddings"] = 1024;
  folder.write("config.json", config.dump());
  fs::copy_file(source / "model.safetensors", folder / "model.safetensors");
  return folder.path().string();
}

TEST(AblationSweep, EqualsAFullForwardWhenAPromptFillsABatch) {
  const TempDir folder;
  AttributedModel llama(long_context_llama(folder));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 600; ++i) ids.push_back((i * i + 7 * i) % 29);
  const Tokens tokens = llama.tokens(ids);
  const Dataset dataset = llama.tool().to_logit(tokens, Target::token(4), {});
  Hooks hooks;
  hooks.replace("blocks.1.hook_mlp_out",
                [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); });
  const at::Tensor logits = llama.model().forward(make_batch(tokens), {}, hooks).logits[0];
  const at::Tensor ablated =
      dataset["target_logit"].tensor +
      dataset["ablation_effect"].tensor[0][component_index(dataset, "1_mlp_out")];
  EXPECT_LT((ablated - logits.select(1, 4).to(at::kDouble)).abs().max().item<double>(), kRounding);
}

/// A model that only says what it is.
class DescribedModel final : public Model {
 public:
  explicit DescribedModel(TransformerSpec spec) : spec_(std::move(spec)) {}
  const TransformerSpec& spec() const override { return spec_; }
  const ModelOptions& options() const override { return options_; }
  const std::filesystem::path& directory() const override { return directory_; }
  std::vector<ModelFile> files() const override { return {}; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return nullptr; }
  std::vector<std::int64_t> end_of_sequence_ids() const override { return {}; }
  ForwardOutput forward(const TokenBatch&, const ForwardOptions&, const Hooks&) const override {
    return {};
  }
  at::Tensor final_norm(const at::Tensor& residual) const override { return residual; }
  at::Tensor unembed(const at::Tensor& normalized) const override { return normalized; }
  const Unembedding& unembedding() const override { return unembedding_; }
  at::Tensor weight(std::string_view) const override { return {}; }

 private:
  TransformerSpec spec_;
  ModelOptions options_;
  std::filesystem::path directory_;
  Unembedding unembedding_;
};

TEST(LayerAttributionTool, SeesNeuronsThroughTheNormBehindTheirMlp) {
  AttributedModel gemma(testing::sample_folder("gemma2"));
  const auto& spec = gemma.model().spec();
  LayerAttributionOptions options;
  options.neurons = spec.n_layers * spec.mlp.d_mlp;
  const Dataset dataset =
      gemma.tool().to_logit(gemma.tokens({3, 17, 5, 5}), Target::next(), options);
  double of_layer_1 = 0.0;  // all neurons of a layer without a bias make up its MLP output
  for (std::int64_t i = 0; i < options.neurons; ++i)
    if (dataset["neuron_layer"].tensor[i].item<int>() == 1)
      of_layer_1 += value(dataset, "neuron_contribution", {i});
  EXPECT_NEAR(of_layer_1,
              value(dataset, "logit_contribution", {component_index(dataset, "1_mlp_out"), 3}),
              kRounding * (1 + std::abs(of_layer_1)));
}

TEST(CheckCompatible, RefusesAModelThatNormalisesAfterItsSublayers) {
  TransformerSpec spec;
  spec.family = "bert";
  spec.n_layers = 2;
  spec.norm_placement = NormPlacement::after_add;
  const std::string message = message_of<UsageError>(
      [&] { LayerAttributionTool().check_compatible(DescribedModel(spec)); });
  EXPECT_NE(message.find("bert"), std::string::npos);
}

// The committed samples of tests/data/models: parallel and sequential blocks, one norm and two,
// ALiBi, a norm of the embedding, local layers, biases of the unembedding, norms after the
// sublayers, norms of queries and keys, mixtures of experts.
class AttributionOfFamily : public ::testing::TestWithParam<const char*> {};

TEST_P(AttributionOfFamily, HoldsItsReceiptsAndSumsToTheLogit) {
  AttributedModel model(testing::sample_folder(GetParam()));
  LayerAttributionOptions options;
  options.neurons = model.model().spec().mlp.n_experts > 0 ? 0 : 3;
  const Dataset dataset =
      model.tool().to_logit(model.tokens({3, 17, 5, 5, 11, 20, 8, 9}), Target::model(), options);
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << " " << receipt.value;
  EXPECT_EQ(dataset.receipts.size(), 5u);
  EXPECT_LT(dataset["sum_residual"].tensor.abs().max().item<double>(), kRounding);
}

INSTANTIATE_TEST_SUITE_P(Families, AttributionOfFamily,
                         ::testing::Values("gpt-neo", "gptj", "gpt-neox", "gpt-neox-sequential",
                                           "opt", "opt-no-bias", "bloom-3-heads", "falcon",
                                           "falcon-40b", "falcon-rw", "gemma2", "gemma3", "olmo2",
                                           "phi", "phi3-window", "mixtral", "qwen3",
                                           "stablelm-parallel"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(AttributionOfFamily, RefusesNormsBehindTheAdditions) {
  for (const char* name : {"bert", "opt-350m"}) {
    AttributedModel model(testing::sample_folder(name));
    EXPECT_THAT(message_of<UsageError>([&] {
                  model.tool().to_logit(model.tokens({3, 4}), Target::model(), {});
                }),
                ::testing::HasSubstr("normalises the stream after each sublayer"));
  }
}

}  // namespace
}  // namespace lensbench::attribution
