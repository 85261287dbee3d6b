#include <lensbench/weight_changes.hpp>

#include "composition/checks.hpp"
#include "composition/spectra.hpp"
#include "composition_fixture.hpp"
#include "support/faulty_model.hpp"

// Each receipt fails for the fault that it names.

namespace lensbench::composition {
namespace {

class CompositionReceipts : public ::testing::Test {
 protected:
  void expect_failed(const Analysis& analysis, const std::string& name) const {
    for (const Receipt& receipt : receipts_of(plan_, analysis))
      EXPECT_EQ(receipt.passed, receipt.name != name) << receipt.name << " " << receipt.value;
  }

  CompositionBench bench_ = bench_of("models/gpt2");
  HeadWeights weights_{*bench_.model, true, 0};
  BlockHeads heads_ = weights_.block(0);
  AnalysisPlan plan_{.modes = {Mode::query, Mode::key},
                     .directions = 2,
                     .top_k = 1,
                     .baseline_draws = 2,
                     .seed = 0,
                     .read_direction = {},
                     .write_direction = {}};
  Analysis found_ = analyse(bench_.context, weights_, plan_);
};

TEST_F(CompositionReceipts, FailForNormsOfAnotherHead) {
  found_.norm_error = norm_error(heads_, 0, found_.ov_norm[0][1].item<double>(),
                                 found_.qk_norm[0][1].item<double>());
  expect_failed(found_, "factors_equal_dense_matrices");
}

TEST_F(CompositionReceipts, FailForScoresOfOtherWeightsThanTheDenseMatrices) {
  // Every second reading of the values of block 0 gives other numbers.
  testing::Faults faults;
  faults.weight = [reading = 0](const std::string& name, const at::Tensor& right) mutable {
    if (name != "blocks.0.attn.W_V") return right;
    return ++reading % 2 == 0 ? testing::slightly_off(right) : right;
  };
  CompositionBench bench(testing::faulty(bench_.model, faults), {1, 2});
  const Dataset result = bench.tool.analyze({});
  testing::expect_fails(result, "factors_equal_dense_matrices");
  EXPECT_TRUE(testing::receipt_of(result, "eigenvalues_sum_to_trace").passed);
}

TEST_F(CompositionReceipts, FailForEigenvaluesOfAnotherHead) {
  const VocabularyProducts products = vocabulary_products(weights_);
  found_.trace_error = trace_error(copying_spectrum(heads_, 1, products).values,
                                   copying_matrix(heads_, 0, products));
  expect_failed(found_, "eigenvalues_sum_to_trace");
}

// TransformerLens #226: V in the place of its transpose.
TEST_F(CompositionReceipts, FailForSingularVectorsOfTheTransposedMatrix) {
  linear_algebra::Svd svd = ov_directions(heads_, 0);
  std::swap(svd.U, svd.V);
  found_.vector_error = rebuilding_error(svd, dense_ov(heads_, 0));
  expect_failed(found_, "vectors_reproduce_the_matrix");
}

// Products of weights with the gain of the norm, divided by norms of weights without it.
TEST_F(CompositionReceipts, FailForScoresWhoseNormsLackTheGain) {
  const auto louder = with_weights(
      bench_.model, {{"blocks.1.ln1.w", bench_.model->weight("blocks.1.ln1.w") * 100}});
  const HeadWeights folded(*louder, true, 0), plain(*louder, false, 0);
  const Receivers right = receivers_of(folded.block(1), Mode::query);
  const Receivers mixed{right.core, receivers_of(plain.block(1), Mode::query).norm};
  const Senders senders = senders_of(folded.block(0));
  EXPECT_EQ(range_error(scores(senders, right)), 0);
  found_.range_error = range_error(scores(senders, mixed));
  expect_failed(found_, "scores_are_from_0_to_1");
}

TEST_F(CompositionReceipts, FailForInfiniteScores) {
  at::Tensor scores = found_.composition.clone();
  scores[0][0][0][1][0] = std::numeric_limits<double>::infinity();
  found_.range_error = range_error(scores);
  expect_failed(found_, "scores_are_from_0_to_1");
}

}  // namespace
}  // namespace lensbench::composition
