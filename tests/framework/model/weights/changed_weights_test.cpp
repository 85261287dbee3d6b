#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/weight_changes.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/files/sha256.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using lensbench::testing::sample;
using ::testing::AllOf;
using ::testing::HasSubstr;

at::Tensor logits_of(const Model& model) {
  return model.forward({rows_of({{3, 1, 4, 1, 2}}), {}}).logits;
}

/// Names of the weights of attention and MLP in block 0 that the model has.
std::vector<std::string> names_of(const Model& model) {
  std::vector<std::string> found;
  for (const char* name : {"attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.b_Q", "attn.b_K",
                           "attn.b_V", "attn.b_O", "mlp.W_in", "mlp.W_gate", "mlp.W_out",
                           "mlp.b_in", "mlp.b_out", "ln1.w", "ln2.w", "mlp.experts.1.W_out"}) {
    const std::string whole = "blocks.0." + std::string(name);
    try {
      if (model.weight(whole).defined()) found.push_back(whole);
    } catch (const UsageError&) {  // this family lacks it
    }
  }
  return found;
}

/// All weights named, as copies.
std::map<std::string, at::Tensor> copies(const Model& model) {
  std::map<std::string, at::Tensor> out;
  for (const std::string& name : names_of(model)) out[name] = model.weight(name).clone();
  return out;
}

class WithWeights : public ::testing::TestWithParam<std::string> {};

TEST_P(WithWeights, ChangesTheNamedWeightAndNothingElse) {
  const auto model = sample(GetParam());
  const auto before = copies(*model);
  ASSERT_GE(before.size(), 5u);
  for (const auto& [name, value] : before) {
    const auto view = with_weights(model, {{name, value * 0.5 + 0.25}});
    for (const auto& [other, old] : before) {
      EXPECT_TRUE(at::equal(model->weight(other), old)) << name << " changed the model's " << other;
      const at::Tensor expected = other == name ? old * 0.5 + 0.25 : old;
      EXPECT_TRUE(at::equal(view->weight(other), expected)) << name << " and " << other;
    }
  }
}

TEST_P(WithWeights, OfTheSameValuesGivesTheSameLogitsInEveryBit) {
  const auto model = sample(GetParam());
  std::vector<WeightChange> same;
  for (const auto& [name, value] : copies(*model)) same.push_back({name, value});
  EXPECT_TRUE(at::equal(logits_of(*with_weights(model, same)), logits_of(*model)));
}

INSTANTIATE_TEST_SUITE_P(Samples, WithWeights,
                         ::testing::ValuesIn(lensbench::testing::sample_models()));

TEST(WithWeightsOf, AZeroOutputProjectionEqualAnInterventionThatZeroesTheHeads) {
  const auto model = random_model(small_gpt2_spec(), 3);
  at::Tensor w = model->weight("blocks.1.attn.W_O").clone();
  w[2].zero_();
  InterventionSite site;
  site.hook = "blocks.1.attn.hook_z";
  site.heads = {2};
  const auto cut = with_interventions(model, {{site, SetZero{}}});
  EXPECT_LT(lensbench::testing::largest_difference(
                logits_of(*with_weights(model, {{"blocks.1.attn.W_O", w}})), logits_of(*cut)),
            1e-6);
}

TEST(WithWeightsOf, InterventionsActOnTheChangedWeights) {
  const auto model = random_model(small_gpt2_spec(), 3);
  InterventionSite site;
  site.hook = "blocks.2.hook_mlp_out";
  const std::vector<Intervention> zero = {{site, SetZero{}}};
  const WeightChange change{"blocks.0.mlp.W_in", model->weight("blocks.0.mlp.W_in") * 2};
  const auto inside = with_interventions(with_weights(model, {change}), zero);
  const auto outside = with_weights(with_interventions(model, zero), {change});
  EXPECT_TRUE(at::equal(logits_of(*inside), logits_of(*outside)));
  EXPECT_FALSE(at::equal(logits_of(*inside), logits_of(*with_interventions(model, zero))));
  EXPECT_EQ(weight_changes(*outside).size(), 1u);
}

TEST(WithWeightsOf, TiedEmbeddingsChangesBoth) {
  const auto model = random_model(small_gpt2_spec(), 3);
  const at::Tensor doubled = model->weight("embed.W_E") * 2;
  const auto view = with_weights(model, {{"embed.W_E", doubled}});
  EXPECT_TRUE(at::equal(view->weight("unembed.W_U"), doubled.t()));
  EXPECT_TRUE(at::equal(view->unembedding().weight, doubled));
}

TEST(WithWeightsOf, AreRecordedWithADigest) {
  const auto model = random_model(small_gpt2_spec(), 3);
  const at::Tensor zeros = at::zeros({24});
  const auto view = with_weights(with_weights(model, {{"blocks.0.attn.b_O", zeros}}),
                                 {{"blocks.1.attn.b_O", zeros.to(at::kDouble)}});
  EXPECT_TRUE(weight_changes(*model).empty());
  const auto json = nlohmann::json::parse(weight_changes_to_json(weight_changes(*view)));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["weight"], "blocks.0.attn.b_O");
  EXPECT_EQ(json[0]["shape"], nlohmann::json({24}));
  EXPECT_EQ(json[0]["sha256"], sha256_hex(std::string(96, '\0')));
  EXPECT_EQ(json[1]["sha256"], json[0]["sha256"]) << "the digest is that of float32 values";
}

TEST(WithWeightsOf, NothingIsTheModelItself) {
  const auto model = random_model(small_gpt2_spec(), 3);
  EXPECT_EQ(with_weights(model, {}), model);
}

TEST(WithWeightsOf, WhatDoesNotFitIsRefused) {
  const auto model = random_model(small_llama_spec(), 3);
  const auto refusal = [&](const std::string& name, const at::Tensor& value) {
    return message_of<UsageError>([&] { with_weights(model, {{name, value}}); });
  };
  EXPECT_THAT(refusal("blocks.0.attn.W_X", at::ones({1})), HasSubstr("W_X"));
  EXPECT_THAT(refusal("blocks.0.attn.W_K", at::ones({4, 24, 8})),
              AllOf(HasSubstr("[4, 24, 8]"), HasSubstr("expected [2, 24, 8]")));
  EXPECT_THAT(refusal("blocks.0.attn.b_O", at::ones({24})), HasSubstr("does not have that bias"));
  EXPECT_THAT(refusal("ln_final.w", at::full({24}, std::numeric_limits<double>::infinity())),
              HasSubstr("infinity"));
  EXPECT_THAT(refusal("ln_final.w", at::full({24}, 1e300, at::kDouble)), HasSubstr("finite"))
      << "infinite in float32";
  EXPECT_THAT(refusal("ln_final.w", {}), HasSubstr("no value"));
}

}  // namespace
}  // namespace lensbench
