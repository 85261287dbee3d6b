#include "model/vision/tower_tokens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

PictureRows picture() {
  return {.rows = at::zeros({16, 1176}), .frames = 1, .height = 4, .width = 4};
}

/// Counts how often the tower runs.
struct Tower {
  TowerTokens kept;
  int runs = 0;

  explicit Tower(std::int64_t most_bytes = 1 << 20) : kept(most_bytes) {}
  at::Tensor of(const std::vector<PictureRows>& pictures) {
    return kept.of(pictures, [&] {
      ++runs;
      return at::full({4, 8}, runs, at::kFloat);
    });
  }
};

TEST(TowerTokens, AreThoseOfTheFirstRunForTheSameRows) {
  Tower tower;
  const PictureRows one = picture(), other = picture();
  EXPECT_TRUE(tower.of({one}).is_same(tower.of({one})));
  EXPECT_EQ(tower.runs, 1);
  tower.of({other});
  EXPECT_EQ(tower.runs, 2);  // equal numbers are not the same tensor
  tower.of({one, other});
  tower.of({other, one});
  EXPECT_EQ(tower.runs, 4);
  tower.of({one});
  tower.of({one, other});
  EXPECT_EQ(tower.runs, 4);
}

TEST(TowerTokens, DependOnTheShapeOfThePicture) {
  Tower tower;
  const PictureRows square = picture();
  PictureRows wide = square;
  wide.height = 2;
  wide.width = 8;
  tower.of({square});
  tower.of({wide});
  EXPECT_EQ(tower.runs, 2);
}

TEST(TowerTokens, AreForgottenWithTheRows) {
  Tower tower;
  const at::Tensor* rows = nullptr;
  {
    const PictureRows gone = picture();
    rows = &gone.rows;
    EXPECT_EQ(rows->use_count(), 1u);
    tower.of({gone});
    // The rows belong to the caller alone.
    EXPECT_EQ(rows->use_count(), 1u);
  }
  tower.of({picture()});
  EXPECT_EQ(tower.runs, 2);
}

TEST(TowerTokens, AreKeptAsLongAsThereIsRoom) {
  Tower tower(4 * 8 * 4);  // the bytes of one result
  const PictureRows one = picture(), other = picture();
  tower.of({one});
  tower.of({other});
  tower.of({other});
  EXPECT_EQ(tower.runs, 2);
  tower.of({one});
  EXPECT_EQ(tower.runs, 3);
}

}  // namespace
}  // namespace lensbench
