#include "families.hpp"
#include "neurons/sparsity.hpp"

namespace lensbench::families {
namespace {

class SparsityFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static std::optional<Dataset> run(const SparsityOptions& options) {
    return answer_or_refusal<neurons::SparsityTool>(
        GetParam(), [&](neurons::SparsityTool& tool, const Tokens& tokens) {
          return tool.measure(tokens, options);
        });
  }
};

TEST_P(SparsityFamilies, EveryModelHasNeurons) {
  EXPECT_TRUE(run({}).has_value());
}

TEST_P(SparsityFamilies, TheOutputOfAnMlpIsAPointToo) {
  EXPECT_TRUE(run({.point = "hook_mlp_out", .exclude_first = false}).has_value());
}

INSTANTIATE_TEST_SUITE_P(Samples, SparsityFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
