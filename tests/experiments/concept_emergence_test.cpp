#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/handmade_summary.hpp"
#include "support/results.hpp"
#include "support/variables.hpp"

// Statistics of answers that are written down here, so that each number is computed by hand.

namespace lensbench {
namespace {

using testing::numbers;

/// What one picture's lens says at three layers of one concept: its ln probability, its rank, and
/// the ln probability without the picture.
Dataset lens(const std::vector<double>& log_p, const std::vector<int>& rank,
             const std::vector<double>& without) {
  Dataset dataset;
  add_layer_axis(dataset, 2);
  dataset.add_coordinate("concept", std::vector<std::string>{"eye"}, "name of the concept");
  dataset.add_coordinate("control", std::vector<std::string>{"no_picture"}, "compared prompt");
  const auto column = [](const auto& values, at::ScalarType type) {
    return at::tensor(values, type).view({3, 1});
  };
  dataset.add(
      numbers("answer_concept_log_probability", {"layer", "concept"}, column(log_p, at::kDouble)));
  dataset.add(numbers("answer_concept_rank", {"layer", "concept"}, column(rank, at::kInt)));
  dataset.add(numbers("control_log_probability", {"control", "layer", "concept"},
                      column(without, at::kDouble).unsqueeze(0)));
  dataset.add(
      numbers("control_rank", {"control", "layer", "concept"}, at::full({1, 3, 1}, 50, at::kInt)));
  return dataset;
}

class ConceptEmergence : public ::testing::Test {
 protected:
  /// Three pictures of an eye and two of something else.
  testing::HandmadeSummary summary{
      "vision_lens",
      {lens({-4, -2, -1}, {9, 5, 1}, {-4, -4, -4}), lens({-6, -3, -1}, {9, 2, 3}, {-4, -4, -4}),
       lens({-5, -1, -1}, {1, 9, 1}, {-4, -4, -4}), lens({-5, -6, -8}, {9, 9, 9}, {-5, -5, -5}),
       lens({-7, -2, -6}, {9, 9, 6}, {-5, -5, -5})}};

  void SetUp() override {
    for (const char* label : {"eye", "eye", "eye", "cat", "cat"})
      summary.inputs.push_back({label, "", {}, {{"label", label}}});
    summary.values = testing::parameters_of("concept_emergence", {{"concepts", "eye=7"}});
    testing::finish_experiment("concept_emergence", summary);
  }
  const Dataset& table() const { return summary.saved.at("emergence"); }
  /// Value of a label (0: cat, 1: eye) at a layer, of the only concept and control.
  double at(const std::string& name, std::int64_t label, std::int64_t layer) const {
    const at::Tensor& values = table()[name].tensor;
    return values.view({2, -1})[label][layer].item<double>();
  }
};

TEST_F(ConceptEmergence, LabelsAreSortedAndCounted) {
  EXPECT_EQ(table()["label"].strings, (std::vector<std::string>{"cat", "eye"}));
  EXPECT_TRUE(table()["picture_count"].tensor.equal(at::tensor({2, 3}, at::kLong)));
}

TEST_F(ConceptEmergence, AnswersAreMeansOverThePicturesOfALabel) {
  EXPECT_NEAR(at("log_probability", 1, 0), -5, 1e-12);
  EXPECT_NEAR(at("log_probability", 1, 1), -2, 1e-12);
  EXPECT_NEAR(at("log_probability", 0, 2), -7, 1e-12);
}

TEST_F(ConceptEmergence, APictureIsSettledFromTheLayerOnFromWhichItsRankStays) {
  // Ranks of at most 5 to the end: the first two pictures from layer 1 on, the third, which is
  // known at layer 0 and lost again, from layer 2 on.
  EXPECT_NEAR(at("settled_share", 1, 0), 0, 1e-12);
  EXPECT_NEAR(at("settled_share", 1, 1), 2.0 / 3, 1e-12);
  EXPECT_NEAR(at("settled_share", 1, 2), 1, 1e-12);
  EXPECT_EQ(at("settled_share", 0, 2), 0);
  EXPECT_EQ(at("control_settled_share", 1, 2), 0);
}

TEST_F(ConceptEmergence, SeparationIsTheShareOfPairsInWhichTheLabelHasMore) {
  // Layer 0: -4, -6, -5 against -5, -7: the pairs give 1, 1, 0, 1, 1/2, 1 of 6.
  EXPECT_NEAR(at("separation", 1, 0), 4.5 / 6, 1e-12);
  EXPECT_NEAR(at("separation", 0, 0), 1.5 / 6, 1e-12);
  EXPECT_NEAR(at("separation", 1, 2), 1, 1e-12);
}

TEST_F(ConceptEmergence, GainIsWithThePictureMinusWithout) {
  EXPECT_NEAR(at("gain", 1, 1), 2, 1e-12);
  EXPECT_NEAR(at("gain", 1, 2), 3, 1e-12);
  EXPECT_NEAR(at("gain", 0, 1), 1, 1e-12);
}

TEST_F(ConceptEmergence, EmergesWhereTheWholeIntervalIsAboveZeroToTheEnd) {
  // Gains of the eyes are 0, -2, -1, then 2, 1, 3, then 3 three times; those of the others -1 and 3
  // at layer 1, -3 and -1 at the end.
  EXPECT_EQ(at("emergence_layer", 1, 0), 1);
  EXPECT_EQ(at("emergence_layer", 0, 0), -1);
}

TEST_F(ConceptEmergence, IntervalsAreThoseOfTheGivenPictures) {
  // All gains of the eyes at the last layer are equal.
  const at::Tensor bounds = table()["gain_interval"].tensor.view({2, 2, 3});
  EXPECT_EQ(bounds[0][1][2].item<double>(), 3);
  EXPECT_EQ(bounds[1][1][2].item<double>(), 3);
  EXPECT_LT(bounds[0][1][1].item<double>(), 2);
  EXPECT_GT(bounds[1][1][1].item<double>(), 2);
}

TEST(ConceptEmergenceWithoutLabels, HasOneGroup) {
  testing::HandmadeSummary summary{"vision_lens", {lens({-4, -2, -1}, {9, 5, 1}, {-4, -4, -4})}};
  summary.inputs.push_back({"one", "", {}, {}});
  summary.values = testing::parameters_of("concept_emergence", {{"concepts", "eye=7"}});
  testing::finish_experiment("concept_emergence", summary);
  const Dataset& table = summary.saved.at("emergence");
  EXPECT_EQ(table["label"].strings, std::vector<std::string>{"unlabelled"});
  EXPECT_TRUE(std::isnan(table["separation"].tensor[0][0][0].item<double>()));
}

}  // namespace
}  // namespace lensbench
