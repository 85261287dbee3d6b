#include "families.hpp"
#include "layer_surgery/layer_surgery.hpp"

namespace lensbench::families {
namespace {

using surgery::LayerSurgeryTool;

class LayerSurgeryFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static std::optional<Dataset> run(SurgeryOperation operation,
                                    const LayerSurgeryOptions& options = {}) {
    return answer_or_refusal<LayerSurgeryTool>(GetParam(),
                                               [&](LayerSurgeryTool& tool, const Tokens& tokens) {
                                                 return tool.operate(tokens, operation, options);
                                               });
  }
  static bool causal() { return GetParam().find("bert") == std::string::npos; }
};

TEST_P(LayerSurgeryFamilies, BlocksAreDeletedAsIfTheirOutputsWereZero) {
  EXPECT_EQ(run(SurgeryOperation::delete_block).has_value(), causal());
}

TEST_P(LayerSurgeryFamilies, BlocksRunInOtherOrders) {
  EXPECT_EQ(run(SurgeryOperation::swap).has_value(), causal());
  EXPECT_EQ(run(SurgeryOperation::repeat).has_value(), causal());
}

TEST_P(LayerSurgeryFamilies, ADonorIsAnyModelOfTheSameWidth) {
  LayerSurgeryOptions options;
  options.donor = testing::data_folder() + "/models/" + GetParam();
  const auto found = answer_or_refusal<LayerSurgeryTool>(
      GetParam(), [&](LayerSurgeryTool& tool, const Tokens& tokens) {
        Dataset dataset = tool.operate(tokens, SurgeryOperation::donor, options);
        // The model's own blocks: nothing changes in any bit, and the receipt says so.
        for (Receipt& receipt : dataset.receipts)
          if (receipt.name == "no_write_was_without_effect") {
            EXPECT_FALSE(receipt.passed);
            receipt.passed = true;
          }
        return dataset;
      });
  EXPECT_EQ(found.has_value(), causal());
}

TEST_P(LayerSurgeryFamilies, TheFirstTwoHeadsAreMergedOrRefused) {
  LayerSurgeryOptions options;
  options.heads = {{{1, 0}, {1, 1}}};
  run(SurgeryOperation::merge_heads, options);
}

TEST_P(LayerSurgeryFamilies, NeuronsAndHeadsArePrunedOrRefused) {
  LayerSurgeryOptions options;
  options.by = {"frequency", "weight_norm", "contribution"};
  options.draws = 1;
  run(SurgeryOperation::prune, options);
  options.parts = "heads";
  options.by = {"weight_norm", "contribution"};
  options.fractions = {0.5};
  EXPECT_EQ(run(SurgeryOperation::prune, options).has_value(), causal());
}

INSTANTIATE_TEST_SUITE_P(Samples, LayerSurgeryFamilies,
                         ::testing::ValuesIn(testing::sample_models()), test_name);

}  // namespace
}  // namespace lensbench::families
