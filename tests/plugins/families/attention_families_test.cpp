#include "attention/attention.hpp"
#include "families.hpp"

namespace lensbench::families {
namespace {

class AttentionFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(AttentionFamilies, AnswerWithReceiptsThatHold) {
  const auto found = answer_or_refusal<attention::AttentionTool>(
      GetParam(), [](attention::AttentionTool& tool, const Tokens& tokens) {
        return tool.analyze(tokens, {.top_k = 2, .flow = {"rollout", "max_flow"}});
      });
  // Attention is read as it is in every family but that with sinks.
  EXPECT_EQ(found.has_value(), GetParam() != "gpt_oss");
}

INSTANTIATE_TEST_SUITE_P(Samples, AttentionFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
