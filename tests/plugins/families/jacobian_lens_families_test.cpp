#include "families.hpp"
#include "jacobian_lens/jacobian_lens.hpp"

namespace lensbench::families {
namespace {

class JacobianLensFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(JacobianLensFamilies, FitALensUnlessTheyPredictMaskedTokens) {
  JacobianLensFit fit;
  fit.text = "generated:2";
  fit.length = 6;
  fit.skip_first = 1;
  const auto found = answer_or_refusal<jacobian::JacobianLensTool>(
      GetParam(), [&](jacobian::JacobianLensTool& tool, const Tokens& tokens) {
        return tool.fit(tokens, fit, {.top_k = 3});
      });
  EXPECT_EQ(found.has_value(), GetParam().find("bert") == std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Samples, JacobianLensFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
