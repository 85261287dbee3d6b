#include "activation_patching/activation_patching.hpp"
#include "activation_patching/causal_tracing.hpp"
#include "families.hpp"
#include "input_attribution/input_attribution.hpp"

namespace lensbench::families {
namespace {

class SweepFamilies : public ::testing::TestWithParam<std::string> {};

/// The prompt with two tokens changed.
Tokens other_than(const Model& model, const Tokens& tokens) {
  std::vector<std::int64_t> ids = tokens.ids;
  for (const std::size_t at : {1, 4}) ids[at] = (ids[at] + 7) % model.spec().vocab_size;
  return tokens_from_ids(model, ids);
}

TEST_P(SweepFamilies, AnswerPatchingWithReceiptsThatHold) {
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  const auto found = answer_or_refusal<patching::ActivationPatchingTool>(
      GetParam(), [&](patching::ActivationPatchingTool& tool, const Tokens& tokens) {
        ActivationPatchingOptions options;
        options.head_points = {"z", "k", "v", "pattern"};
        return tool.patch(tokens, other_than(*model, tokens), Target::model(), options);
      });
  EXPECT_TRUE(found.has_value());
}

TEST_P(SweepFamilies, AnswerTracingWithReceiptsThatHold) {
  const auto found = answer_or_refusal<tracing::CausalTracingTool>(
      GetParam(), [](tracing::CausalTracingTool& tool, const Tokens& tokens) {
        return tool.trace(tokens, {1, 2}, Target::model(), {.samples = 2, .window = 2});
      });
  EXPECT_TRUE(found.has_value());
}

TEST_P(SweepFamilies, AnswerInputAttributionWithReceiptsThatHold) {
  const auto found = answer_or_refusal<inputs::InputAttributionTool>(
      GetParam(), [&](inputs::InputAttributionTool& tool, const Tokens& tokens) {
        InputAttributionOptions options;
        options.methods = {"gradient_x_input", "integrated_gradients", "occlusion",
                           "attention_gradient", "relevance"};
        options.rule = "gauss_legendre";
        // The mean of a small random vocabulary is near zero, where norms bend.
        options.baseline = "token";
        options.baseline_token = 1;
        // Between few points of a random mixture, experts change and change back unseen; a rule for
        // smooth functions does not help there.
        if (is_mixture(GetParam())) {
          options.rule = "midpoint";
          options.steps = 1024;
        }
        return tool.attribute(tokens, Target::model(), options);
      });
  EXPECT_TRUE(found.has_value());
}

INSTANTIATE_TEST_SUITE_P(Samples, SweepFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
