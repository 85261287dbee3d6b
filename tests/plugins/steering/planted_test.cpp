// Steering of a model whose one fact is written by hand: block 1's MLP looks the answer up at the
// subject, L2H0 brings it to the last position, where found feature k times 4 is the logit of
// answer k. Expected values follow from that.
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "steering_fixture.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::steering {
namespace {

constexpr double kLogit = 4.0;
// Norm-neutral construction: relative error below |x|^2 / (4 B^2).
constexpr double kPlanted = 1e-5;
constexpr std::int64_t kSubject = 1, kEnd = 4;

class PlantedSteering : public ::testing::Test {
 protected:
  /// A direction that adds values to features.
  at::Tensor feature_direction(const std::vector<std::pair<std::int64_t, double>>& values) const {
    at::Tensor direction = at::zeros({bench_.model->spec().d_model}, at::kFloat);
    for (const auto& [feature, value] : values) {
      direction[2 + 2 * feature] = value;
      direction[3 + 2 * feature] = -value;
    }
    return direction;
  }
  SteeringOptions options(std::vector<std::int64_t> layers, std::vector<double> alphas) const {
    SteeringOptions options;
    options.metric.versus = Target::token(tokens_.answer(1));
    options.layers = std::move(layers);
    options.alphas = std::move(alphas);
    options.relative = false;
    options.controls = 2;
    return options;
  }
  Dataset steer(const at::Tensor& direction, const SteeringOptions& options) {
    Dataset result =
        bench_.tool.steer(bench_.tokens, direction, Target::token(tokens_.answer(0)), options);
    return result;
  }
  SteeringPair subjects() const {
    return {bench_.tokens_of(tokens_.prompt(1)), bench_.tokens_of(tokens_.prompt(0))};
  }

  testing::FactTokens tokens_;
  // Features: 3 subjects, 3 answers, 3 found answers, 2 marks.
  std::int64_t found_ = 2 * tokens_.n;
  SteeringBench bench_{testing::fact_model(kLogit).open(), tokens_.prompt(0)};
};

TEST_F(PlantedSteering, AddsAlphaTimesTheDifferenceOfTheLogitsThatTheDirectionMakes) {
  const at::Tensor direction = feature_direction({{found_, 0.25}, {found_ + 1, 0.125}});
  const Dataset result = steer(direction, options({kEnd}, {-4, -1, 0, 2, 3}));
  EXPECT_NEAR(result["base_metric"].tensor.item<double>(), kLogit, kLogit * kPlanted);
  // 4 (0.25 - 0.125) for each alpha
  expect_near(result["effect"].tensor[0], at::tensor({-2.0, -0.5, 0.0, 1.0, 1.5}, at::kDouble),
              kPlanted);
  EXPECT_NEAR(result["slope"].tensor.item<double>(), 0.5, kPlanted);
  EXPECT_EQ(result["linear_range"].tensor.item<double>(), 4.0);
  EXPECT_EQ(result["alpha_unit"].tensor.item<double>(), 1.0);
  expect_receipts_hold(result);
}

TEST_F(PlantedSteering, TheDifferenceOfTwoSubjectsTurnsOneAnswerIntoTheOther) {
  // Read at the subject, added there and nowhere else.
  const std::vector<std::int64_t> layers = {0, 1, 2, 3};
  const at::Tensor directions = bench_.tool.difference({subjects()}, layers, -2);
  SteeringOptions grid = options(layers, {0, 1});
  grid.positions = {kSubject};
  grid.max_new_tokens = 1;
  grid.target_tokens = {tokens_.answer(1)};
  const Dataset result = steer(directions, grid);
  // The other answer wins by as much. Block 2 has moved the answer before layer 3.
  expect_near(result["effect"].tensor.select(1, 1),
              at::tensor({-2 * kLogit, -2 * kLogit, -2 * kLogit, 0.0}, at::kDouble), kPlanted);
  expect_near(result["effect"].tensor.select(1, 0), at::zeros({4}, at::kDouble), 0);
  const at::Tensor made = result["generated_id"].tensor.select(2, 0);
  EXPECT_EQ(result["cell"].strings[3], "layer 1, alpha 1");
  EXPECT_EQ(result["generated_text"].strings[2], "a1");
  EXPECT_EQ(result["generated_text"].strings[3], "a2");
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(made[i][0].item<std::int64_t>(), tokens_.answer(0));
    EXPECT_EQ(made[i][1].item<std::int64_t>(), tokens_.answer(i < 3 ? 1 : 0)) << i;
    EXPECT_EQ(result["target_share"].tensor[i][1].item<double>(), i < 3 ? 1.0 : 0.0);
  }
  expect_receipts_hold(result);
}

TEST_F(PlantedSteering, ReadsTheDifferenceAtOneAlignedTokenAndNotAsAMean) {
  // At the subject the streams after two blocks differ by the subjects and the answers they give.
  const at::Tensor direction = bench_.tool.difference({subjects()}, {2}, -2)[0];
  expect_near(direction, feature_direction({{0, -1}, {1, 1}, {3, -1}, {4, 1}}), kPlanted);
  // At the end nothing differs before block 2; after it the found answers do.
  expect_near(bench_.tool.difference({subjects()}, {2}, -1)[0], feature_direction({}), kPlanted);
  expect_near(bench_.tool.difference({subjects()}, {3}, -1)[0],
              feature_direction({{found_, -1}, {found_ + 1, 1}}), kPlanted);
  // A longer prompt is aligned at its end, or at its start with a position that is not negative.
  SteeringPair longer = subjects();
  longer.plus.ids.insert(longer.plus.ids.begin() + 1, tokens_.is());
  EXPECT_TRUE(bench_.tool.difference({longer}, {2}, -2)[0].allclose(direction, 0, 1e-3));
  EXPECT_FALSE(bench_.tool.difference({longer}, {2}, 1)[0].allclose(direction, 0, 1e-3));
  // Pairs are averaged: those of s2 - s1 and s1 - s2 cancel.
  const SteeringPair back{subjects().minus, subjects().plus};
  expect_near(bench_.tool.difference({subjects(), back}, {2}, -2)[0], feature_direction({}),
              kPlanted);
}

TEST_F(PlantedSteering, ProjectsOutAndClampsWhateverTheLengthOfTheDirection) {
  for (const double length : {0.125, 1.0, 8.0}) {
    const at::Tensor direction = feature_direction({{found_, length}});
    SteeringOptions project = options({kEnd}, {});
    project.mode = SteeringMode::project;
    // Found feature 0 is 1 at the end: without it the logit of the answer is 0.
    const Dataset out = steer(direction, project);
    expect_near(out["effect"].tensor[0], at::tensor({0.0, -kLogit}, at::kDouble), kPlanted);
    EXPECT_NEAR(out["slope"].tensor.item<double>(), -kLogit, kLogit * kPlanted);
    EXPECT_EQ(out["linear_range"].tensor.item<double>(), 1.0);
    expect_receipts_hold(out);
    SteeringOptions clamp = options({kEnd}, {0, 2});
    clamp.mode = SteeringMode::clamp;
    // The pair (f, -f) has component f sqrt 2 along the unit vector (1, -1) / sqrt 2.
    const Dataset set = steer(direction, clamp);
    expect_near(set["effect"].tensor[0],
                at::tensor({-kLogit, 2 / std::sqrt(2.0) * kLogit - kLogit}, at::kDouble), kPlanted);
    EXPECT_NEAR(set["slope"].tensor.item<double>(), kLogit / std::sqrt(2.0), kLogit * kPlanted);
    expect_receipts_hold(set);
  }
}

TEST_F(PlantedSteering, RandomDirectionsHaveEffectsOfMeanZero) {
  SteeringOptions grid = options({kEnd}, {0, 1});
  grid.controls = 400;
  const Dataset result = steer(feature_direction({{found_, 0.25}}), grid);
  const at::Tensor effects = result["control_effect"].tensor[0][1];
  const double deviation = effects.std().item<double>();
  EXPECT_GT(deviation, 0.01);
  EXPECT_LT(std::abs(effects.mean().item<double>()), 4 * deviation / std::sqrt(400.0));
  // The direction itself, of equal length, does what no random one does.
  EXPECT_GT(result["effect"].tensor[0][1].item<double>(), effects.abs().max().item<double>());
  EXPECT_EQ(result["largest_control_effect"].tensor[0][1].item<double>(),
            effects.abs().max().item<double>());
  EXPECT_EQ(result["control_effect"].tensor[0][0].abs().max().item<double>(), 0.0);
}

TEST_F(PlantedSteering, ChangesOnlyTheTokensItIsAskedTo) {
  // The found answer at the end: only the last token is read.
  const at::Tensor direction = feature_direction({{found_ + 1, 0.5}});
  const auto effect = [&](auto change) {
    SteeringOptions grid = options({kEnd}, {0, 1});
    grid.max_new_tokens = 2;
    change(grid);
    return steer(direction, grid);
  };
  const auto last = effect([](SteeringOptions& o) { o.where = SteeredPart::last; });
  EXPECT_NEAR(last["effect"].tensor[0][1].item<double>(), -2, kPlanted);
  EXPECT_TRUE(last["steered"].tensor.equal(
      at::tensor(std::vector<std::int64_t>{0, 0, 1}, at::kLong).to(at::kChar)));
  const auto first = effect([](SteeringOptions& o) { o.positions = {0}; });
  EXPECT_EQ(first["effect"].tensor[0][1].item<double>(), 0.0);
  EXPECT_FALSE(receipt_of(first, "no_write_was_without_effect").passed);
  const auto generated = effect([](SteeringOptions& o) {
    o.where = SteeredPart::generated;
    o.alphas = {0, 4};
  });
  EXPECT_TRUE(generated["effect"].tensor.isnan().all().item<bool>());
  EXPECT_TRUE(generated["slope"].tensor.isnan().all().item<bool>());
  // The first token comes from the prompt, which is not steered; the second from a steered one.
  const at::Tensor ids = generated["generated_id"].tensor[0];
  EXPECT_EQ(ids[1][0].item<std::int64_t>(), tokens_.answer(0));
  EXPECT_EQ(ids[1][1].item<std::int64_t>(), tokens_.answer(1));
  expect_receipts_hold(generated);
}

}  // namespace
}  // namespace lensbench::steering
