#include "families.hpp"
#include "probe/probe.hpp"

namespace lensbench::families {
namespace {

class ProbeFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(ProbeFamilies, FitProbesToEveryStream) {
  const auto found = answer_or_refusal<probing::ProbeTool>(
      GetParam(), [&](probing::ProbeTool& tool, const Tokens& tokens) {
        std::vector<ProbeExample> examples;
        for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
          Tokens own = tokens;
          own.ids.resize(i + 1);
          own.texts.resize(i + 1);
          examples.push_back({.tokens = own, .label = std::to_string(i % 2)});
        }
        return tool.fit(examples, {.folds = 2, .lambdas = {1}, .controls = {"majority", "input"}});
      });
  EXPECT_TRUE(found.has_value());
}

INSTANTIATE_TEST_SUITE_P(Samples, ProbeFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
