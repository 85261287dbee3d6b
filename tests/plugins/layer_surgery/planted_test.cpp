// Values derived by hand on models whose computation is known.
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "support/planted_facts.hpp"
#include "support/temp_dir.hpp"
#include "surgery_fixture.hpp"

namespace lensbench::surgery {
namespace {

using lensbench::testing::fact_model;
using lensbench::testing::FactTokens;
using lensbench::testing::linear_model;

// The norms of planted models return features with a relative error below 2e-6.
constexpr double kPlanted = 2e-5;

/// `S s1 is a1`: position 2 predicts the answer with logit 4, position 0 and 1 nothing.
class Fact : public ::testing::Test {
 protected:
  static std::vector<std::int64_t> ids() {
    std::vector<std::int64_t> ids = FactTokens().prompt(0);
    ids.push_back(FactTokens().answer(0));
    return ids;
  }
  Bench bench_{fact_model(4.0).open(), ids()};
  // -ln p of the answer in the whole model, and in one where all 8 logits are 0.
  const double known_ = std::log(std::exp(4.0) + 7) - 4, unknown_ = std::log(8.0);
  // KL of the uniform distribution from that with one logit of 4: sum p ln p + ln 8.
  double lost_information() const {
    const double z = std::exp(4.0) + 7;
    return 4 * std::exp(4.0) / z - std::log(z) + std::log(8.0);
  }
};

TEST_F(Fact, DeletingTheBlockOfTheFactOrOfTheHeadCostsTheWholeMargin) {
  const Dataset dataset = run_with(bench_, {});
  EXPECT_NEAR(dataset["whole_cross_entropy"].tensor[2].item<double>(), known_, kPlanted);
  for (const char* label : {"delete 0", "delete 3"}) {
    EXPECT_NEAR(value_of(dataset, "loss_increase", label), 0, 1e-12) << label;
    EXPECT_EQ(value_of(dataset, "agreement", label), 1) << label;
  }
  for (const char* label : {"delete 1", "delete 2"}) {
    EXPECT_NEAR(value_at(dataset, "cross_entropy", label, 2), unknown_, kPlanted) << label;
    EXPECT_NEAR(value_of(dataset, "loss_increase", label), (unknown_ - known_) / 3, kPlanted);
    EXPECT_NEAR(value_at(dataset, "kl", label, 2), lost_information(), kPlanted) << label;
    EXPECT_EQ(value_at(dataset, "agrees", label, 2), 0) << label;
  }
  expect_all_pass(dataset);
}

TEST_F(Fact, FirstAndLastBlockAreReportedApart) {
  const Dataset dataset = run_with(bench_, {});
  const at::Tensor places = dataset["loss_increase_by_place"].tensor;
  EXPECT_NEAR(places[0].item<double>(), 0, kPlanted);
  EXPECT_NEAR(places[1].item<double>(), (unknown_ - known_) / 3, kPlanted);
  EXPECT_NEAR(places[2].item<double>(), 0, kPlanted);
  EXPECT_EQ(dataset["variant_place"].strings,
            (std::vector<std::string>{"first", "between", "between", "last"}));
}

TEST_F(Fact, ExchangingTheBlocksThatDependOnEachOtherBreaksIt) {
  const Dataset swapped = run_with(bench_, {{"operation", "swap"}});
  EXPECT_NEAR(value_at(swapped, "cross_entropy", "swap 1 and 2", 2), unknown_, kPlanted);
  EXPECT_NEAR(value_of(swapped, "loss_increase", "swap 0 and 1"), 0, kPlanted);
  EXPECT_NEAR(value_of(swapped, "loss_increase", "swap 2 and 3"), 0, kPlanted);
  EXPECT_EQ(swapped["variant_place"].strings,
            (std::vector<std::string>{"first", "between", "last"}));
  const Dataset outer = run_with(bench_, {{"operation", "permute"}, {"order", "3,1,2,0"}});
  EXPECT_NEAR(value_of(outer, "loss_increase", "order 3,1,2,0"), 0, kPlanted);
  const Dataset reversed = run_with(bench_, {{"operation", "reverse"}, {"blocks", "1-2"}});
  EXPECT_NEAR(value_at(reversed, "cross_entropy", "reverse 1 to 2", 2), unknown_, kPlanted);
}

TEST_F(Fact, RepeatingTheHeadDoublesTheLogit) {
  const Dataset dataset = run_with(bench_, {{"operation", "repeat"}});
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "repeat 2", 2), std::log(std::exp(8.0) + 7) - 8,
              kPlanted);
  EXPECT_NEAR(value_of(dataset, "loss_increase", "repeat 3"), 0, kPlanted);
}

TEST_F(Fact, AnOrderMayBeOfAnyLength) {
  const Dataset shorter = run_with(bench_, {{"operation", "permute"}, {"order", "1,2"}});
  EXPECT_NEAR(value_of(shorter, "loss_increase", "order 1,2"), 0, kPlanted);
  const Dataset longer = run_with(bench_, {{"operation", "permute"}, {"order", "0,3,1,3,2,2,0"}});
  EXPECT_NEAR(value_at(longer, "cross_entropy", "order 0,3,1,3,2,2,0", 2),
              std::log(std::exp(8.0) + 7) - 8, kPlanted);
}

TEST_F(Fact, ADonorGivesItsOwnFact) {
  // The donor's head writes logit 6 instead of 4; its other blocks are equal.
  lensbench::testing::TempDir folder;
  fact_model(6.0).write(folder.path());
  const Dataset dataset =
      run_with(bench_, {{"operation", "donor"}, {"donor", folder.path().string()}});
  EXPECT_NEAR(value_at(dataset, "cross_entropy", "donor 2", 2), std::log(std::exp(6.0) + 7) - 6,
              kPlanted);
  EXPECT_NEAR(value_of(dataset, "loss_increase", "donor 1"), 0, kPlanted);
  EXPECT_NEAR(dataset["donor_embedding_cosine"].tensor.item<double>(), 5.0 / 8,
              kPlanted)  // S, is and the subjects; answers have embeddings of 0
      << "equal embeddings";
  EXPECT_TRUE(dataset.attributes.contains("donor_basis"));
  const Dataset mixed = run_with(
      bench_, {{"operation", "permute"}, {"order", "0,1,d2,3"}, {"donor", folder.path().string()}});
  EXPECT_NEAR(value_at(mixed, "cross_entropy", "order 0,1,d2,3", 2),
              std::log(std::exp(6.0) + 7) - 6, kPlanted);
}

TEST_F(Fact, PruningTheNeuronOfTheSubjectCostsTheMargin) {
  // 3 neurons in block 1 that are active once at most; those of blocks 0, 2 and 3 never are. On
  // this prompt neuron 0 of block 1 is the only active one, so it is the last of the 12 to go.
  const Dataset dataset = run_with(
      bench_,
      {{"operation", "prune"}, {"fractions", "0.5,0.92,1"}, {"by", "frequency,contribution"}});
  const at::Tensor loss = dataset["pruned_loss"].tensor;
  const double whole = dataset["whole_loss"].tensor.item<double>();
  for (std::int64_t by = 0; by < 2; ++by) {
    EXPECT_NEAR(loss[by][0].item<double>(), whole, kPlanted);
    EXPECT_NEAR(loss[by][1].item<double>(), whole, kPlanted);
    EXPECT_NEAR(loss[by][2].item<double>(), whole + (unknown_ - known_) / 3, kPlanted);
  }
  EXPECT_TRUE(at::equal(dataset["pruned_parts"].tensor, at::tensor({6, 11, 12}, at::kInt)));
  EXPECT_EQ(dataset["random_pruned_loss"].tensor.size(0), 3);
  // Only the last share includes the neuron for certain in a random order.
  for (std::int64_t draw = 0; draw < 3; ++draw)
    EXPECT_NEAR(dataset["random_pruned_loss"].tensor[draw][2].item<double>(),
                whole + (unknown_ - known_) / 3, kPlanted);
}

TEST(Linear, EqualBlocksCommuteAndOthersNeedNot) {
  const std::vector<std::vector<double>> w = {{0.5, 1, 0}, {0, -0.25, 1}, {1, 0, 0}};
  Bench equal(linear_model(w, 2).open(), {0, 2, 1, 1});
  const Dataset dataset = run_with(equal, {{"operation", "swap"}});
  EXPECT_EQ(value_of(dataset, "loss_increase", "swap 0 and 1"), 0);
  EXPECT_EQ(value_of(dataset, "agreement", "swap 0 and 1"), 1);
  // Equal blocks are equal in every bit after the exchange, which the receipt reports.
  EXPECT_FALSE(receipt_of(dataset, "no_write_was_without_effect").passed);
}

TEST(Linear, DeletingABlockLeavesTheLogitsOfTheOther) {
  // e0, e2: with one block the logits at position 0 are those of one application, e0 + e0 W.
  const std::vector<std::vector<double>> w = {{0, 1, 0}, {0, 0, 0}, {0, 0, 0}};
  Bench two(linear_model(w, 2).open(), {0, 1});
  const Dataset dataset = run_with(two, {});
  // Whole model: e0 + 2 e1 at position 0; without a block e0 + e1. The next token is t1.
  const auto loss = [](double a, double b) { return std::log(std::exp(a) + std::exp(b) + 1) - b; };
  EXPECT_NEAR(dataset["whole_loss"].tensor.item<double>(), loss(1, 2), kPlanted);
  EXPECT_NEAR(value_of(dataset, "loss", "delete 0"), loss(1, 1), kPlanted);
  EXPECT_NEAR(value_of(dataset, "loss", "delete 1"), loss(1, 1), kPlanted);
}

}  // namespace
}  // namespace lensbench::surgery
