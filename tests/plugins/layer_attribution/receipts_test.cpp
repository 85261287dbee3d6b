#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <lensbench/intervention.hpp>
#include <map>
#include <string>

#include "attribution_fixture.hpp"
#include "layer_attribution/analysis.hpp"
#include "support/contexts.hpp"
#include "support/interventions.hpp"
#include "support/planted_facts.hpp"

// Each receipt fails for the fault that it names, and passes on correct results.

namespace lensbench::attribution {
namespace {

using testing::at_hook;

class AttributionReceipts : public ::testing::TestWithParam<std::string> {
 protected:
  Analysis analysis() {
    LayerAttributionOptions options;
    options.position = 3;
    return analyse(bench_.context(), tokens_, Target::token(7), options);
  }
  /// The cache with one activation changed.
  ActivationCache with(const Analysis& analysis, const std::string& name, double factor) const {
    std::map<std::string, at::Tensor> changed;
    for (const auto& [key, value] : analysis.cache.items())
      changed[key] = key == name ? value * factor : value;
    return {bench_.model(), changed, false};
  }
  void check(Analysis& analysis) const {
    check_direct(bench_.model(), tokens_, analysis,
                 component_contributions(analysis).sum(0) - analysis.target_logit);
  }
  static bool passed(const Analysis& analysis, const std::string& name) {
    for (const Receipt& receipt : analysis.receipts)
      if (receipt.name == name) return receipt.passed;
    ADD_FAILURE() << "there is no receipt " << name;
    return false;
  }

  AttributedModel bench_{AttributedModel::folder(GetParam())};
  Tokens tokens_ = bench_.tokens({3, 17, 5, 5, 11, 0, 23});
};

TEST_P(AttributionReceipts, FailForAComponentThatIsNotInTheStream) {
  Analysis faulty = analysis();
  faulty.parts =
      read_components(with(faulty, "blocks.1.hook_mlp_out", 1.001), faulty.spec, faulty.direction);
  check(faulty);
  EXPECT_FALSE(passed(faulty, "components_sum_to_residual_stream"));
  EXPECT_FALSE(passed(faulty, "direct_attribution_sums_to_logit"));
  EXPECT_TRUE(passed(faulty, "target_logit_equals_model"));
}

TEST_P(AttributionReceipts, FailForADirectionOfAnotherScale) {
  Analysis faulty = analysis();
  faulty.direction.vector = faulty.direction.vector * 1.0001;
  faulty.parts = read_components(faulty.cache, faulty.spec, faulty.direction);
  check(faulty);
  EXPECT_TRUE(passed(faulty, "components_sum_to_residual_stream"));
  EXPECT_FALSE(passed(faulty, "direct_attribution_sums_to_logit"));
}

TEST_P(AttributionReceipts, FailForAStreamThatIsNotTheOneOfTheModel) {
  Analysis faulty = analysis();
  faulty.final_residual = faulty.cache["blocks.1.hook_resid_post"];
  check(faulty);
  EXPECT_FALSE(passed(faulty, "target_logit_equals_model"));
}

TEST_P(AttributionReceipts, FailForHeadsOfAnotherSize) {
  Analysis faulty = analysis();
  faulty.cache = with(faulty, "blocks.2.attn.hook_z", 1.001);
  head_contributions(bench_.model(), faulty);
  EXPECT_FALSE(passed(faulty, "heads_sum_to_attention_output"));
}

TEST_P(AttributionReceipts, FailForAnOutputThatTheForwardDidNotHave) {
  Analysis faulty = analysis();
  faulty.cache = with(faulty, "blocks.0.hook_attn_out", 1.001);
  ablate(bench_.model(), tokens_, faulty, component_contributions(faulty),
         {.kinds = {Ablation::zero}});
  EXPECT_FALSE(passed(faulty, "replacing_an_activation_by_itself_changes_nothing"));
}

TEST_P(AttributionReceipts, PassWithALargeConstantInTheStream) {
  // Rounded relative to the constant, which the final norm takes out of a GPT-2; in one dimension
  // and in all.
  const auto plain = Model::open(AttributedModel::folder(GetParam()));
  at::Tensor one = at::zeros({8}), all = at::full({8}, 1.0);
  one[3] = 1.0;
  for (const at::Tensor& constant : {one, all})
    for (const double size : {30.0, 1000.0, 30000.0}) {
      const auto model =
          with_interventions(plain, {{at_hook("hook_embed"), AddValue{constant, size}}});
      Context context = testing::context_of(model);
      LayerAttributionTool tool;
      tool.attach(context);
      for (const std::int64_t last : {23, 4, 9, 28}) {
        const Tokens tokens = tokens_from_ids(*model, {3, 17, 5, 5, 11, 0, last});
        for (const Receipt& receipt : tool.to_logit(tokens, Target::next(), {}).receipts)
          EXPECT_TRUE(receipt.passed)
              << size << " " << receipt.name << " " << receipt.value << " > " << receipt.tolerance;
      }
    }
}

// At `S`, what the norm reads cancels in its mean and is orthogonal to both answers: the logits are
// nothing but the rounding of that mean.
TEST(AttributionReceiptsOfFacts, PassWhereTheStreamCancelsInItsMean) {
  const testing::FactTokens ids{4};
  const std::shared_ptr<const Model> model = testing::fact_model(2.0, ids).open();
  Context context = testing::context_of(model);
  LayerAttributionTool tool;
  tool.attach(context);
  LayerAttributionOptions options;
  for (std::int64_t k = 0; k < 4; ++k)
    for (std::int64_t other = 0; other < 4; ++other) {
      if (k == other) continue;
      options.versus = Target::token(ids.answer(other));
      const Tokens tokens = tokens_from_ids(*model, ids.prompt(k));
      for (const Receipt& receipt :
           tool.to_logit(tokens, Target::token(ids.answer(k)), options).receipts)
        EXPECT_TRUE(receipt.passed)
            << receipt.name << " " << receipt.value << " > " << receipt.tolerance;
    }
}

TEST_P(AttributionReceipts, CompareWithAForwardInWhichInterventionsActOnce) {
  const auto plain = Model::open(AttributedModel::folder(GetParam()));
  const at::Tensor vector = at::linspace(-1, 1, 8);
  const std::vector<std::vector<Intervention>> lists = {
      {{at_hook("blocks.2.hook_resid_pre"), AddValue{vector, 2.0}}},
      {{at_hook("blocks.2.hook_attn_out"), AddValue{vector, 2.0}}},
      {{at_hook("blocks.1.hook_mlp_out"), Freeze{}}}};
  for (const auto& list : lists) {
    const auto model = with_interventions(plain, list);
    Context context = testing::context_of(model);
    LayerAttributionTool tool;
    tool.attach(context);
    LayerAttributionOptions options;
    options.ablation = {};  // partial forwards, which freeze refuses
    for (const Receipt& receipt : tool.to_logit(tokens_, Target::next(), options).receipts)
      if (receipt.name == "target_logit_equals_model") {
        EXPECT_TRUE(receipt.passed) << receipt.value;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, AttributionReceipts, ::testing::Values("gpt2", "llama"));

}  // namespace
}  // namespace lensbench::attribution
