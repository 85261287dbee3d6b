// Which rows a measurement reads, and how often.
#include "interchange/place_rows.hpp"

#include <ATen/ops/equal.h>

#include "interchange/plan.hpp"
#include "interchange_fixture.hpp"

namespace lensbench::interchange {
namespace {

/// Eight pairs at two positions of all blocks of a small model. The prompts of one pair are longer,
/// so that the others are padded.
class PlacesRead : public ::testing::Test {
 protected:
  InterchangePlan plan() const {
    InterchangeOptions options;
    options.position = {-1, 0};
    std::vector<InterchangePair> pairs = small_pairs(bench_, 8);
    pairs[5] = bench_.pair({3, 12, 9, 1}, {5, 12, 8}, 6);
    return make_plan(*bench_.model, {pairs}, options, 1);
  }
  /// Activation of a prompt that runs alone.
  at::Tensor row_of(const Tokens& tokens, const Place& place) const {
    at::Tensor row;
    Hooks hooks;
    hooks.read(place.hook.name, [&](const at::Tensor& x, const HookPoint&) {
      row = x[0][place.position < 0 ? place.position + x.size(1) : place.position].clone();
    });
    bench_.model->forward(make_batch(tokens), {}, hooks);
    return row;
  }
  /// Batches that a reader of at most `bytes` reads for all places.
  std::int64_t batches(std::int64_t bytes) const {
    const InterchangePlan all = plan();
    RowReader reader(*bench_.model, all, bytes);
    std::int64_t count = 0;
    for (std::int64_t number = 0; number < all.n_places(); ++number)
      reader.rows(all.place(number), [&] { ++count; });
    return count;
  }

  InterchangeBench bench_{Model::open(testing::data_folder() + "/models/gpt2")};
};

TEST_F(PlacesRead, HaveTheActivationsOfEachPromptAlone) {
  const InterchangePlan all = plan();
  RowReader reader(*bench_.model, all);
  for (std::int64_t number = 0; number < all.n_places(); ++number) {
    const Place place = all.place(number);
    const PlaceRows rows = reader.rows(place, [] {});
    // Products of a batch are summed in another order: float32 rounding of numbers of about 1.
    for (const std::int64_t pair : {2, 5}) {
      const InterchangePair& own = all.pairs[static_cast<std::size_t>(pair)];
      expect_near(rows.base[pair], row_of(own.base, place), 1e-5);
      expect_near(rows.source[pair], row_of(own.source, place), 1e-5);
    }
  }
}

TEST_F(PlacesRead, AreThoseOfOneBlockAtATimeInEveryBit) {
  const InterchangePlan all = plan();
  RowReader together(*bench_.model, all), apart(*bench_.model, all, 1);
  for (std::int64_t number = 0; number < all.n_places(); ++number) {
    const Place place = all.place(number);
    const PlaceRows rows = together.rows(place, [] {}), alone = apart.rows(place, [] {});
    EXPECT_TRUE(at::equal(rows.base, alone.base));
    EXPECT_TRUE(at::equal(rows.source, alone.source));
  }
}

TEST_F(PlacesRead, TakeOneReadingOfAllBlocksWhereTheyFit) {
  // Bases and sources at two positions: four batches of eight prompts.
  EXPECT_EQ(batches(kMostRowBytes), 4);
  EXPECT_EQ(batches(1), 4 * bench_.model->spec().n_layers);
}

TEST_F(PlacesRead, NeedTheBytesThatTheySay) {
  const InterchangePlan all = plan();
  const std::int64_t blocks = bench_.model->spec().n_layers, width = bench_.model->spec().d_model;
  // Two prompts of eight pairs at two positions, float32.
  EXPECT_EQ(RowReader(*bench_.model, all).bytes(), blocks * 2 * 8 * 2 * width * 4);
  EXPECT_EQ(RowReader(*bench_.model, all, 1).bytes(), 2 * 8 * 2 * width * 4);
}

}  // namespace
}  // namespace lensbench::interchange
