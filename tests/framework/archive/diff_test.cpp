#include "archive/diff.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "archive/run/run_writer.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::numbers;
using testing::TempDir;
using testing::texts;

Dataset lens(const at::Tensor& entropy) {
  Dataset dataset;
  add_token_axis(dataset, {17, 18}, {"In", " the"});
  add_layer_axis(dataset, 1);
  dataset.add(numbers("entropy", {"layer", "token"}, entropy, "nats"));
  return dataset;
}

const at::Tensor kEntropy = at::tensor({4.0F, 3.0F, 2.0F, 1.0F}).reshape({2, 2});

at::Tensor changed(std::int64_t layer, std::int64_t token, float by) {
  at::Tensor values = kEntropy.clone();
  values[layer][token] += by;
  return values;
}

VariableDifference compare(const at::Tensor& a, const at::Tensor& b) {
  return compare_variable(lens(a), lens(b), "entropy");
}

TEST(CompareVariable, FindsEqualBitsIdentical) {
  const at::Tensor with_nan = changed(0, 0, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(compare(kEntropy, kEntropy.clone()).agreement, Agreement::identical);
  EXPECT_EQ(compare(with_nan, with_nan.clone()).agreement, Agreement::identical);
}

TEST(CompareVariable, TellsNegativeZeroFromZeroAndCallsItWithinTolerance) {
  const at::Tensor zero = at::zeros({2, 2}), negative = zero.neg();
  const auto difference = compare(zero, negative);
  EXPECT_EQ(difference.agreement, Agreement::within_tolerance);
  EXPECT_EQ(difference.differing, 4);
  EXPECT_EQ(difference.max_absolute, 0);
}

TEST(CompareVariable, AllowsOneInAHundredThousandOfTheLargestValue) {
  // The largest value is 4, so 4e-5 + 1e-7 is allowed.
  EXPECT_EQ(compare(kEntropy, changed(1, 1, 3e-5F)).agreement, Agreement::within_tolerance);
  EXPECT_EQ(compare(kEntropy, changed(1, 1, 5e-5F)).agreement, Agreement::different);
  EXPECT_NEAR(compare(kEntropy, kEntropy + 0.5).tolerance, 4.01e-5, 1e-9);
}

/// First difference between values over a coordinate `strength` of 0.1 and 0.25.
VariableDifference over_strength(at::ScalarType type) {
  Dataset a, b;
  for (Dataset* dataset : {&a, &b}) {
    dataset->add_coordinate("strength", at::tensor({0.1, 0.25}, at::kDouble).to(type), "strength");
    dataset->add(numbers("loss", {"strength"}, at::tensor({1.0, 2.0}, at::kDouble)));
  }
  b["loss"].tensor[0] += 1e-15;
  return compare_variable(a, b, "loss");
}

TEST(CompareVariable, NamesCoordinatesThatAreNotIntegersInTheShortestForm) {
  EXPECT_EQ(over_strength(at::kDouble).first, "strength 0.1");
  EXPECT_EQ(over_strength(at::kFloat).first, "strength 0.1");
}

TEST(CompareVariable, GivesDifferentTextsForNeighbouringValues) {
  const auto difference = over_strength(at::kDouble);
  EXPECT_EQ(difference.first_a, "1");
  // 1 + 5 * 2^-52, the float64 that is nearest to 1 + 1e-15
  EXPECT_EQ(difference.first_b, "1.000000000000001");
}

TEST(CompareVariable, TakesTheToleranceThatTheVariableDeclares) {
  Dataset a, b;
  Variable variable = numbers("loss", {"case"}, at::tensor({1.0F}));
  variable.attributes["tolerance"] = 0.25;
  a.add(variable);
  variable.tensor = at::tensor({1.2F});
  b.add(variable);
  EXPECT_EQ(compare_variable(a, b, "loss").agreement, Agreement::within_tolerance);
}

TEST(CompareVariable, LeavesOutTheViewThatArchivesOfFormat1Lack) {
  const auto with_view = [](const char* view) {
    Variable variable = numbers("loss", {"case"}, at::tensor({1.0F}));
    if (*view != '\0') variable.attributes["view"] = std::string(view);
    Dataset dataset;
    dataset.add(variable);
    return dataset;
  };
  const auto agreement = [&](const char* a, const char* b) {
    return compare_variable(with_view(a), with_view(b), "loss").agreement;
  };
  EXPECT_EQ(agreement("", "bars"), Agreement::identical);
  EXPECT_EQ(agreement("bars", ""), Agreement::identical);
  EXPECT_EQ(agreement("bars", "tokens"), Agreement::different);
}

TEST(CompareVariable, SaysHowFarAndWhereFirst) {
  const auto difference = compare(kEntropy, changed(1, 0, -1.0F));
  EXPECT_EQ(difference.agreement, Agreement::different);
  EXPECT_EQ(difference.differing, 1);
  EXPECT_EQ(difference.elements, 4);
  EXPECT_DOUBLE_EQ(difference.max_absolute, 1.0);
  EXPECT_DOUBLE_EQ(difference.max_relative, 0.5);
  EXPECT_EQ(difference.first, "layer 1, token 0 (case 0, position 0, input_token 'In')");
  EXPECT_EQ(difference.first_a, "2");
  EXPECT_EQ(difference.first_b, "1");
}

TEST(CompareVariable, FindsTheFirstTokenWhateverTheLayer) {
  at::Tensor values = kEntropy.clone();
  values[0][1] += 1.0F;  // first in the order of the array
  values[1][0] += 1.0F;  // a value of an earlier token
  const auto difference = compare(kEntropy, values);
  EXPECT_THAT(difference.first, ::testing::StartsWith("layer 0, token 1"));
  EXPECT_EQ(difference.first_token, std::optional<std::int64_t>(0));
  EXPECT_FALSE(compare(kEntropy, kEntropy).first_token.has_value());
}

TEST(CompareVariable, SaysWhetherTheOrderIsStillTheSame) {
  // 4 3 2 1 against 3 4 2 1: Spearman's coefficient is 1 - 6 * 2 / (4 * 15) = 0.8.
  const at::Tensor swapped = at::tensor({3.0F, 4.0F, 2.0F, 1.0F}).reshape({2, 2});
  EXPECT_NEAR(*compare(kEntropy, swapped).rank_agreement, 0.8, 1e-12);
}

TEST(CompareVariable, FindsAnInfinityInfinitelyFar) {
  const auto difference = compare(kEntropy, changed(0, 0, INFINITY));
  EXPECT_EQ(difference.agreement, Agreement::different);
  EXPECT_TRUE(std::isinf(difference.max_absolute));
}

TEST(CompareVariable, AllowsNothingForIntegersAndText) {
  Dataset a, b;
  a.add(numbers("top_id", {"rank"}, at::tensor({5, 6}, at::kInt)));
  b.add(numbers("top_id", {"rank"}, at::tensor({5, 7}, at::kInt)));
  EXPECT_EQ(compare_variable(a, b, "top_id").agreement, Agreement::different);
  Dataset c, d;
  c.add(texts("word", "rank", {"a", "b"}));
  d.add(texts("word", "rank", {"a", "c"}));
  const auto difference = compare_variable(c, d, "word");
  EXPECT_EQ(difference.agreement, Agreement::different);
  EXPECT_EQ(difference.first_b, "'c'");
}

TEST(CompareVariable, NamesShapesAndTypesThatCannotBeCompared) {
  Dataset longer;
  longer.add(numbers("entropy", {"layer", "token"}, at::zeros({3, 2}), "nats"));
  const auto shapes = compare_variable(lens(kEntropy), longer, "entropy");
  EXPECT_EQ(shapes.agreement, Agreement::incomparable);
  EXPECT_THAT(shapes.reason, HasSubstr("[layer 2, token 2] and [layer 3, token 2]"));
  const auto types = compare(kEntropy, kEntropy.to(at::kDouble));
  EXPECT_EQ(types.agreement, Agreement::incomparable);
}

TEST(CompareVariable, SaysWhichSideLacksAVariable) {
  EXPECT_EQ(compare_variable(lens(kEntropy), Dataset(), "entropy").agreement,
            Agreement::only_first);
  EXPECT_EQ(compare_variable(Dataset(), lens(kEntropy), "entropy").agreement,
            Agreement::only_second);
}

RunPlan plan_with_seed(int seed) {
  RunPlan plan;
  plan.title = "entropy of two tokens";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", seed}};
  plan.files = {{"weights", "model.safetensors", std::string(64, 'a'), 10}};
  plan.plugins = {{"logit_lens", "1.0.0", std::string(64, 'b'), "logit_lens 1.0.0"}};
  plan.source = "class Look {};";
  plan.cases = {{"one", "In the", 2, std::string(64, 'c'), {17, 18}}};
  return plan;
}

ArchiveReader archive(const std::filesystem::path& path, const at::Tensor& entropy, int seed = 0,
                      int threads = 1) {
  auto writer = RunWriter::start(path, plan_with_seed(seed), false);
  writer.commit(0, {{"lens", lens(entropy)}}, {});
  writer.seal({}, {}, {}, {{"threads", threads}}, {{"host", "here"}});
  return ArchiveReader(path);
}

TEST(DiffArchives, FindsAnArchiveEqualToItself) {
  const TempDir folder;
  const auto a = archive(folder / "a.h5", kEntropy);
  const auto difference = diff_archives(a, a);
  EXPECT_TRUE(difference.same_recipe());
  EXPECT_TRUE(difference.same_environment());
  EXPECT_EQ(difference.results(), Agreement::identical);
}

TEST(DiffArchives, NamesWhatWasAskedOtherwise) {
  const TempDir folder;
  const auto a = archive(folder / "a.h5", kEntropy), b = archive(folder / "b.h5", kEntropy, 7);
  const auto difference = diff_archives(a, b);
  ASSERT_EQ(difference.recipe.size(), 1U);
  EXPECT_EQ(difference.recipe[0].where, "request/seed");
  EXPECT_EQ(difference.recipe[0].first, "0");
  EXPECT_EQ(difference.recipe[0].second, "7");
  EXPECT_EQ(difference.results(), Agreement::identical);
}

TEST(DiffArchives, NamesWhatRanItOtherwise) {
  const TempDir folder;
  const auto a = archive(folder / "a.h5", kEntropy), b = archive(folder / "b.h5", kEntropy, 0, 2);
  const auto difference = diff_archives(a, b);
  EXPECT_TRUE(difference.same_recipe());
  ASSERT_EQ(difference.environment.size(), 1U);
  EXPECT_EQ(difference.environment[0].where, "threads");
}

TEST(DiffArchives, GivesTheSameVerdictBothWays) {
  const TempDir folder;
  const auto a = archive(folder / "a.h5", kEntropy);
  const auto b = archive(folder / "b.h5", changed(0, 1, 0.5F));
  EXPECT_EQ(diff_archives(a, b).results(), Agreement::different);
  EXPECT_EQ(diff_archives(b, a).results(), Agreement::different);
  EXPECT_EQ(diff_archives(a, b).datasets[0].variables.back().max_absolute,
            diff_archives(b, a).datasets[0].variables.back().max_absolute);
}

TEST(DiffArchives, NamesTheFirstTokenThatDiffers) {
  const TempDir folder;
  const auto a = archive(folder / "a.h5", kEntropy);
  const auto b = archive(folder / "b.h5", changed(0, 1, 0.5F), 3);
  const auto difference = diff_archives(a, b);
  ASSERT_EQ(difference.datasets.size(), 1U);
  EXPECT_EQ(difference.datasets[0].first_case, "one");
  EXPECT_THAT(difference.datasets[0].first_token, HasSubstr("token 1 (case 0, position 1"));
}

/// Values 10 * token + block of the given blocks, over the tokens of an archive of two cases.
Dataset of_blocks(const std::vector<std::int64_t>& blocks) {
  Dataset dataset;
  add_token_axis(dataset, {17, 18}, {"In", " the"});
  dataset.add_coordinate("block", at::tensor(blocks, at::kLong).to(at::kInt), "block");
  at::Tensor values = at::zeros({static_cast<std::int64_t>(blocks.size()), 2});
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::int64_t token = 0; token < 2; ++token)
      values[static_cast<std::int64_t>(i)][token] = static_cast<double>(10 * token + blocks[i]);
  dataset.add(numbers("norm", {"block", "token"}, values));
  return dataset;
}

ArchiveReader archive_of(const std::filesystem::path& path, const Dataset& dataset) {
  auto writer = RunWriter::start(path, plan_with_seed(0), false);
  writer.commit(0, {{"lens", dataset}}, {});
  writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
  return ArchiveReader(path);
}

DatasetDifference diff_of_blocks(const std::vector<std::int64_t>& first,
                                 const std::vector<std::int64_t>& second) {
  const TempDir folder;
  const auto a = archive_of(folder / "a.h5", of_blocks(first)),
             b = archive_of(folder / "b.h5", of_blocks(second));
  const ArchiveDifference difference = diff_archives(a, b);
  EXPECT_GE(difference.results(), Agreement::different);  // one has what the other lacks
  EXPECT_EQ(difference.datasets.size(), 1u);
  return difference.datasets.at(0);
}

VariableDifference variable_of(const DatasetDifference& dataset, const std::string& name) {
  for (const VariableDifference& one : dataset.variables)
    if (one.name == name) return one;
  throw std::runtime_error(name);
}

using Names = std::vector<std::string>;

TEST(DiffByLabels, ComparesTheBlocksThatBothHave) {
  const auto difference = diff_of_blocks({0, 2}, {0, 1, 2, 3});
  const auto norm = variable_of(difference, "norm");
  EXPECT_EQ(norm.agreement, Agreement::identical);
  EXPECT_EQ(norm.elements, 4);  // two blocks of two tokens
  ASSERT_EQ(difference.axes.size(), 1u);
  EXPECT_EQ(difference.axes[0].dim, "block");
  EXPECT_EQ(difference.axes[0].common, 2);
  EXPECT_EQ(difference.axes[0].only_first, Names{});
  EXPECT_EQ(difference.axes[0].only_second, (Names{"1", "3"}));
}

TEST(DiffByLabels, NamesTheBlocksThatOneHasAlone) {
  const auto difference = diff_of_blocks({0, 2}, {0, 3});
  EXPECT_EQ(variable_of(difference, "norm").elements, 2);
  EXPECT_EQ(variable_of(difference, "norm").agreement, Agreement::identical);
  EXPECT_EQ(variable_of(difference, "block").agreement, Agreement::identical);
  ASSERT_EQ(difference.axes.size(), 1u);
  EXPECT_EQ(difference.axes[0].only_first, Names{"2"});
  EXPECT_EQ(difference.axes[0].only_second, Names{"3"});
}

TEST(DiffByLabels, FindsEqualBlocksInAnotherOrder) {
  const auto difference = diff_of_blocks({0, 2}, {2, 0});
  EXPECT_EQ(variable_of(difference, "norm").agreement, Agreement::identical);
  ASSERT_EQ(difference.axes.size(), 1u);
  EXPECT_TRUE(difference.axes[0].reordered);
}

TEST(DiffByLabels, ComparesNothingWithoutACommonBlock) {
  const auto difference = diff_of_blocks({0, 1}, {2, 3});
  EXPECT_EQ(variable_of(difference, "norm").agreement, Agreement::incomparable);
  EXPECT_THAT(variable_of(difference, "norm").reason, HasSubstr("'block'"));
}

TEST(DiffByLabels, NamesALabelledElementThatDiffers) {
  const TempDir folder;
  Dataset changed = of_blocks({1, 2, 3});
  changed["norm"].tensor[1][1] += 0.5;  // block 2, token 1
  const auto a = archive_of(folder / "a.h5", of_blocks({0, 2})),
             b = archive_of(folder / "b.h5", changed);
  const auto difference = diff_archives(a, b).datasets.at(0);
  EXPECT_THAT(variable_of(difference, "norm").first, HasSubstr("block 2, token 1"));
}

TEST(DiffByLabels, ComparesTheCasesThatBothRunsHave) {
  const auto run = [](const std::filesystem::path& path, const Names& ids) {
    RunPlan plan = plan_with_seed(0);
    plan.cases.clear();
    for (const std::string& id : ids) plan.cases.push_back({id, "In the", 2, "", {17, 18}});
    auto writer = RunWriter::start(path, plan, false);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      Dataset dataset = lens(kEntropy + static_cast<double>(ids[i].front()));
      dataset.add(numbers("score", {}, at::scalar_tensor(static_cast<double>(ids[i].front()))));
      writer.commit(static_cast<std::int64_t>(i), {{"lens", dataset}}, {});
    }
    writer.seal({}, {}, {}, nlohmann::json::object(), nlohmann::json::object());
    return ArchiveReader(path);
  };
  const TempDir folder;
  const auto a = run(folder / "a.h5", {"a", "b", "c"}), b = run(folder / "b.h5", {"c", "a"});
  const auto difference = diff_archives(a, b).datasets.at(0);
  for (const VariableDifference& one : difference.variables)
    EXPECT_EQ(one.agreement, Agreement::identical) << one.name << " " << one.first;
  EXPECT_EQ(variable_of(difference, "score").elements, 2);
  EXPECT_EQ(variable_of(difference, "entropy").elements, 8);
  ASSERT_EQ(difference.axes.size(), 2u);
  for (const AxisDifference& axis : difference.axes) {
    EXPECT_TRUE(axis.reordered) << axis.dim;
    EXPECT_THAT(axis.only_first.at(0), HasSubstr("'b'"));
  }
}

}  // namespace
}  // namespace lensbench
