#include <set>

#include "composition/composition.hpp"
#include "families.hpp"

namespace lensbench::families {
namespace {

/// Models that normalise the stream after each sublayer, and those of latent attention.
const std::set<std::string> kRefusedByComposition = {
    "bert",     "bert-untied", "distilbert",       "roberta",    "roberta-padding-inside",
    "opt-350m", "deepseek_v2", "deepseek_v2-lite", "deepseek_v3"};

class CompositionFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(CompositionFamilies, AnswerWithReceiptsThatHoldOrAreRefused) {
  const auto found = answer_or_refusal<composition::CompositionTool>(
      GetParam(), [](composition::CompositionTool& tool, const Tokens&) {
        return tool.analyze({.directions = 2, .top_k = 2, .direction = 1, .baseline_draws = 3});
      });
  EXPECT_EQ(found.has_value(), !kRefusedByComposition.contains(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Samples, CompositionFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
