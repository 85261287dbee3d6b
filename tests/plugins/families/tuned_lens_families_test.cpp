#include "families.hpp"
#include "tuned_lens/tuned_lens.hpp"

namespace lensbench::families {
namespace {

class TunedLensFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(TunedLensFamilies, TrainALensUnlessTheyPredictMaskedTokens) {
  TunedLensTraining training;
  training.text = "generated:4";
  training.window = 8;
  training.steps = 2;
  training.tokens_per_step = 16;
  training.held_out = 0.25;
  const auto found = answer_or_refusal<tuned::TunedLensTool>(
      GetParam(), [&](tuned::TunedLensTool& tool, const Tokens& tokens) {
        return tool.train(tokens, training, {.top_k = 3});
      });
  EXPECT_EQ(found.has_value(), GetParam().find("bert") == std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Samples, TunedLensFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
