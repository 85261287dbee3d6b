// A model in another basis computes the same function, and its parts have other names.
#include "grading/gauge/turned_checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <string>

#include "grading/exact/exact_forward.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::grading {
namespace {

using testing::TempDir;

ExactRun run(const std::filesystem::path& folder) {
  const at::Tensor ids = at::tensor({3, 17, 4, 4, 29, 8}, at::kLong).unsqueeze(0);
  return run_exact(read_exact_model(Checkpoint(folder)), ids, at::tensor({5}, at::kLong));
}

/// Samples of two blocks and four heads; two heads of llama-gqa share each key and value.
class Turned : public ::testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path from() const { return testing::data_folder() + "/models/" + GetParam(); }
  TempDir folder_;
  HeadNames heads_ = write_turned(from(), folder_.path(), 7);
  ExactRun before_ = run(from()), after_ = run(folder_.path());
};

// Both checkpoints are stored in float32, and are run in float64.
constexpr double kStored = 1e-5;

TEST_P(Turned, HasTheLogitsOfTheModel) {
  EXPECT_GT(before_.logits.std().item<double>(), 0.01);
  EXPECT_LT((after_.logits - before_.logits).abs().max().item<double>(), kStored);
}

TEST_P(Turned, HasAnotherStreamOfTheSameLength) {
  const at::Tensor &before = before_.streams[1], &after = after_.streams[1];
  EXPECT_FALSE(at::allclose(after, before, 0.01, 0.01));
  EXPECT_TRUE(at::allclose(after.norm(2, -1), before.norm(2, -1), 1e-4));
}

TEST_P(Turned, HasItsHeadsInAnotherOrderAndNamesThem) {
  ASSERT_EQ(heads_.size(), 8U);
  bool moved = false;
  for (const auto& [name, own] : heads_) {
    moved = moved || name != own;
    EXPECT_EQ(name[1], own[1]) << "a head stays in its block";
    const auto layer = static_cast<std::size_t>(name[1] - '0');
    const auto pattern = [&](const ExactRun& run, const std::string& head) {
      return run.patterns[layer].select(1, head[3] - '0');
    };
    EXPECT_TRUE(at::allclose(pattern(after_, name), pattern(before_, own), 1e-4, 1e-5)) << name;
  }
  EXPECT_TRUE(moved);
}

// Gains after the additions scale the stream itself, dimension by dimension.
TEST(TurnedEncoder, IsRefused) {
  const TempDir folder;
  EXPECT_THAT(testing::message_of<InputError>(
                  [&] { write_turned(testing::data_folder() + "/models/bert", folder.path(), 7); }),
              ::testing::HasSubstr("bert"));
}

INSTANTIATE_TEST_SUITE_P(Families, Turned, ::testing::Values("gpt2", "llama-gqa"),
                         [](const auto& family) { return family.param.substr(0, 4); });

}  // namespace
}  // namespace lensbench::grading
