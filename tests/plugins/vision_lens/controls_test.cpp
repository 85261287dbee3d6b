#include "vision_lens/controls.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/spec.hpp>

namespace lensbench::vision_lens {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kStart = 90, kPad = 91, kEnd = 92;

VisionSpec spec() {
  VisionSpec spec;
  spec.merge_size = 2;
  spec.image_token_id = kPad;
  spec.vision_start_token_id = kStart;
  spec.vision_end_token_id = kEnd;
  return spec;
}

/// A picture of `rows` x `columns` tokens whose values count from `first`.
PictureRows picture(std::int64_t rows, std::int64_t columns, double first) {
  PictureRows picture;
  picture.height = 2 * rows;
  picture.width = 2 * columns;
  picture.rows = (at::arange(4 * rows * columns * 3, at::kFloat) + first).view({-1, 3});
  return picture;
}

Tokens prompt(Ids ids, std::vector<PictureRows> pictures) {
  Tokens tokens;
  tokens.ids = std::move(ids);
  for (const std::int64_t id : tokens.ids) tokens.texts.push_back(std::to_string(id));
  tokens.pictures = std::move(pictures);
  return tokens;
}

TEST(Controls, WithoutPicturesAreTheTextAlone) {
  const Tokens text =
      without_pictures(spec(), prompt({1, kStart, kPad, kPad, kEnd, 2, kStart, kPad, kEnd},
                                      {picture(1, 2, 0), picture(1, 1, 50)}));
  EXPECT_EQ(text.ids, (Ids{1, 2}));
  EXPECT_EQ(text.texts, (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(text.pictures.empty());
}

TEST(Controls, TokensThatDoNotEncloseAPictureStay) {
  EXPECT_EQ(without_pictures(spec(), prompt({kEnd, 1, kPad, 2, kStart}, {picture(1, 1, 0)})).ids,
            (Ids{kEnd, 1, 2, kStart}));
}

TEST(Controls, ShuffledPicturesHaveTheSameSquaresInAnotherOrder) {
  const Tokens given = prompt(Ids(20, kPad), {picture(4, 5, 0)});
  const Tokens shuffled = with_shuffled_patches(spec(), given, 7);
  const at::Tensor before = given.pictures[0].rows.view({20, -1}),
                   after = shuffled.pictures[0].rows.view({20, -1});
  EXPECT_FALSE(after.equal(before));
  // The first value of a square identifies it.
  EXPECT_TRUE(after.index_select(0, after.select(1, 0).argsort()).equal(before));
  EXPECT_EQ(shuffled.ids, given.ids);
}

TEST(Controls, EqualSeedsShuffleEqually) {
  const Tokens given = prompt(Ids(20, kPad), {picture(4, 5, 0)});
  const auto rows = [&](std::uint64_t seed) {
    return with_shuffled_patches(spec(), given, seed).pictures[0].rows;
  };
  EXPECT_TRUE(rows(3).equal(rows(3)));
  EXPECT_FALSE(rows(3).equal(rows(4)));
}

TEST(Controls, AnotherPictureBringsItsOwnNumberOfPlaceholders) {
  const Tokens first = prompt({1, kStart, kPad, kPad, kEnd, 2}, {picture(1, 2, 0)});
  const Tokens second = prompt({3, kStart, kPad, kPad, kPad, kEnd}, {picture(3, 1, 100)});
  const auto other = with_other_pictures(spec(), first, {first, second});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->ids, (Ids{1, kStart, kPad, kPad, kPad, kEnd, 2}));
  EXPECT_EQ(other->texts.size(), other->ids.size());
  EXPECT_TRUE(other->pictures[0].rows.equal(second.pictures[0].rows));
}

TEST(Controls, AfterTheLastPromptComesTheFirst) {
  std::vector<Tokens> prompts;
  for (const double first : {0.0, 100.0, 200.0})
    prompts.push_back(prompt({kPad}, {picture(1, 1, first)}));
  EXPECT_TRUE(with_other_pictures(spec(), prompts[2], prompts)
                  ->pictures[0]
                  .rows.equal(prompts[0].pictures[0].rows));
  EXPECT_TRUE(with_other_pictures(spec(), prompts[0], prompts)
                  ->pictures[0]
                  .rows.equal(prompts[1].pictures[0].rows));
}

TEST(Controls, TheSamePictureIsNotAnotherOne) {
  const Tokens one = prompt({1, kPad}, {picture(1, 1, 0)}), same = prompt({2, kPad}, one.pictures);
  EXPECT_FALSE(with_other_pictures(spec(), one, {one, same}));
  EXPECT_FALSE(with_other_pictures(spec(), one, {}));
}

}  // namespace
}  // namespace lensbench::vision_lens
