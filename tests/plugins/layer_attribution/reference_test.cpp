// Against tests/parity/layer_attribution_reference.py: float64 through Hugging Face modules.
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "attribution_fixture.hpp"

namespace lensbench::attribution {
namespace {

// Float32 through three blocks against float64, for logits of size up to 5.
constexpr double kTolerance = 2e-5;

class Reference : public ::testing::TestWithParam<const char*> {
 protected:
  Reference() : attributed_(AttributedModel::folder(GetParam())) {
    std::ifstream(AttributedModel::folder(GetParam()) + "/expected.json") >> expected_;
    tokens_ = attributed_.tokens(expected_["ids"].get<std::vector<std::int64_t>>());
  }

  Dataset next() {
    LayerAttributionOptions options;
    options.neurons = 5;
    return attributed_.tool().to_logit(tokens_, Target::next(), options);
  }
  Dataset difference() {
    LayerAttributionOptions options;
    options.neurons = 5;
    options.versus = Target::token(expected_["versus"]);
    return attributed_.tool().to_logit(tokens_, Target::token(expected_["target"]), options);
  }

  AttributedModel attributed_;
  nlohmann::json expected_;
  Tokens tokens_;
};

using Values = std::vector<double>;

void expect_row(const at::Tensor& row, const nlohmann::json& expected, const std::string& what) {
  const auto values = expected.get<Values>();
  ASSERT_EQ(row.numel(), static_cast<std::int64_t>(values.size())) << what;
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(row[static_cast<std::int64_t>(i)].item<double>(), values[i], kTolerance)
        << what << " at token " << i;
}

void expect_components(const Dataset& dataset, const nlohmann::json& expected) {
  ASSERT_EQ(dataset.dim("component"), static_cast<std::int64_t>(expected["components"].size()));
  for (const auto& [label, values] : expected["components"].items())
    expect_row(dataset["logit_contribution"].tensor[component_index(dataset, label)], values,
               label);
  expect_row(dataset["target_logit"].tensor, expected["target_logit"], "target_logit");
}

void expect_heads(const Dataset& dataset, const nlohmann::json& expected) {
  const at::Tensor heads = dataset["head_contribution"].tensor;
  for (std::int64_t layer = 0; layer < heads.size(0); ++layer)
    for (std::int64_t head = 0; head < heads.size(1); ++head)
      expect_row(heads[layer][head],
                 expected["heads"][static_cast<std::size_t>(layer)][static_cast<std::size_t>(head)],
                 std::to_string(layer) + ", head " + std::to_string(head));
}

void expect_neurons(const Dataset& dataset, const nlohmann::json& expected) {
  for (std::int64_t i = 0; i < dataset.dim("rank"); ++i) {
    const auto& neuron = expected["neurons"][static_cast<std::size_t>(i)];
    EXPECT_EQ(value(dataset, "neuron_layer", {i}), neuron["layer"].get<double>());
    EXPECT_EQ(value(dataset, "neuron_index", {i}), neuron["index"].get<double>());
    EXPECT_NEAR(value(dataset, "neuron_contribution", {i}), neuron["contribution"].get<double>(),
                kTolerance);
  }
}

void expect_ablation(const Dataset& dataset, const nlohmann::json& expected) {
  const std::vector<std::string>& kinds = dataset["ablation"].strings;
  ASSERT_EQ(kinds, (std::vector<std::string>{"zero", "mean_of_prompt"}));
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    for (const auto& [label, values] : expected["ablation"][kinds[kind]].items())
      expect_row(dataset["ablation_effect"]
                     .tensor[static_cast<std::int64_t>(kind)][component_index(dataset, label)],
                 values, kinds[kind] + " ablation of " + label);
}

TEST_P(Reference, AgreesOnTheContributionOfEveryComponent) {
  expect_components(next(), expected_["next"]);
  expect_components(difference(), expected_["difference"]);
}

TEST_P(Reference, AgreesOnTheContributionOfEveryHead) {
  expect_heads(next(), expected_["next"]);
  expect_heads(difference(), expected_["difference"]);
}

TEST_P(Reference, AgreesOnTheStrongestNeurons) {
  expect_neurons(next(), expected_["next"]);
  expect_neurons(difference(), expected_["difference"]);
}

TEST_P(Reference, AgreesOnTheEffectOfAblation) {
  expect_ablation(next(), expected_["next"]);
  expect_ablation(difference(), expected_["difference"]);
}

TEST_P(Reference, AgreesOnTheTargets) {
  const auto following = expected_["next"]["target_id"].get<std::vector<std::int64_t>>();
  const auto own = expected_["model_ids"].get<std::vector<std::int64_t>>();
  LayerAttributionOptions options;
  options.ablation = {};
  const Dataset model = attributed_.tool().to_logit(tokens_, Target::model(), options);
  const Dataset next = attributed_.tool().to_logit(tokens_, Target::next(), options);
  EXPECT_TRUE(model["target_id"].tensor.equal(at::tensor(own, at::kLong)));
  EXPECT_TRUE(next["target_id"].tensor.equal(at::tensor(following, at::kLong)));
}

INSTANTIATE_TEST_SUITE_P(Families, Reference, ::testing::Values("gpt2", "llama"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace lensbench::attribution
