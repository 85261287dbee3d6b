#include "families.hpp"
#include "neurons/neuron_explorer.hpp"
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

class NeuronExplorerFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(NeuronExplorerFamilies, ShowsNeuronsThatAreNotThoseOfExperts) {
  const auto found = answer_or_refusal<neurons::NeuronExplorerTool>(
      GetParam(), [](neurons::NeuronExplorerTool& tool, const Tokens& tokens) {
        return tool.explore(tokens, Target::model(),
                            {.neurons = {{0, 1}, {1, 0}},
                             .interpolate = {{0, 1}, {1, 0}},
                             .optimise = {"embedding", "tokens"},
                             .optimise_steps = 5,
                             .length = 3});
      });
  EXPECT_EQ(found.has_value(), !is_mixture(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Samples, NeuronExplorerFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);
INSTANTIATE_TEST_SUITE_P(Samples, SparsityFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
