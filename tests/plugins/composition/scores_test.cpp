// Values derived by hand for single heads, and for the planted induction model.
#include "composition/scores.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "composition/spectra.hpp"
#include "composition_fixture.hpp"
#include "support/planted_attention.hpp"

namespace lensbench::composition {
namespace {

// Float64 products of a few numbers.
constexpr double kExact = 1e-12;

at::Tensor row(std::vector<double> values) {
  return at::tensor(values, at::kDouble);
}

/// One head of width 1 in a stream of width 4; W_Q, W_K, W_V and W_O are vectors.
BlockHeads narrow_head(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       const at::Tensor& output) {
  return {query.view({1, 4, 1}), key.view({1, 4, 1}), value.view({1, 4, 1}),
          output.view({1, 1, 4})};
}

const at::Tensor kE1 = row({1, 0, 0, 0}), kE2 = row({0, 1, 0, 0}), kE3 = row({0, 0, 1, 0}),
                 kE4 = row({0, 0, 0, 1});

double score(const BlockHeads& sender, const BlockHeads& receiver, Mode mode) {
  return scores(senders_of(sender), receivers_of(receiver, mode)).item<double>();
}

TEST(CompositionScore, IsOneWhereAHeadReadsWhatTheOtherWrites) {
  const BlockHeads sender = narrow_head(kE1, kE1, kE1, kE2);  // OV = e1 e2ᵀ
  const BlockHeads receiver = narrow_head(kE2, kE3, kE4, kE1);
  EXPECT_NEAR(score(sender, receiver, Mode::query), 1.0, kExact);
  EXPECT_NEAR(score(sender, receiver, Mode::key), 0.0, kExact);
  EXPECT_NEAR(score(sender, receiver, Mode::value), 0.0, kExact);
}

TEST(CompositionScore, IsACosineWhereItReadsInPart) {
  const BlockHeads sender = narrow_head(kE1, kE1, kE1, kE2);
  const at::Tensor both = (kE2 + kE4) / std::sqrt(2.0);
  EXPECT_NEAR(score(sender, narrow_head(both, kE3, kE4, kE1), Mode::query), std::sqrt(0.5), kExact);
  EXPECT_NEAR(score(sender, narrow_head(kE3, both, kE4, kE1), Mode::key), std::sqrt(0.5), kExact);
  EXPECT_NEAR(score(sender, narrow_head(kE3, kE4, both, kE1), Mode::value), std::sqrt(0.5), kExact);
}

TEST(CompositionScore, IsNotDefinedForAHeadWithoutWeights) {
  const BlockHeads sender = narrow_head(kE1, kE1, kE1, kE2);
  EXPECT_TRUE(std::isnan(score(sender, narrow_head(0 * kE1, kE3, kE4, kE1), Mode::query)));
}

/// A head of width 2 in a stream of width 4, with W_V = [I; 0] and W_O = [M, 0], and the products
/// of an orthonormal vocabulary of 4 tokens.
Spectrum copying_of(const at::Tensor& m) {
  const at::Tensor eye = at::eye(4, at::kDouble), top = eye.narrow(1, 0, 2);
  const BlockHeads head{top.unsqueeze(0), top.unsqueeze(0), top.unsqueeze(0),
                        at::matmul(m, top.t()).unsqueeze(0)};
  return copying_spectrum(head, 0, {eye, eye});
}

TEST(CopyingScore, IsTheShareOfPositiveEigenvalues) {
  const at::Tensor eye = at::eye(2, at::kDouble);
  EXPECT_NEAR(copying_of(3.0 * eye).score, 1.0, kExact);
  EXPECT_NEAR(copying_of(-3.0 * eye).score, -1.0, kExact);
  const at::Tensor quarter_turn = row({0, 1, -1, 0}).view({2, 2});
  const Spectrum turned = copying_of(quarter_turn);
  EXPECT_NEAR(turned.score, 0.0, kExact);
  EXPECT_NEAR(turned.values.imaginary[0].item<double>(), 1.0, kExact);
  EXPECT_NEAR(turned.values.imaginary[1].item<double>(), -1.0, kExact);
  EXPECT_TRUE(std::isnan(copying_of(0.0 * eye).score));
}

TEST(InductionModel, ComposesByKeysAlone) {
  CompositionBench bench(testing::induction_model(10).open(), {0});
  const Dataset found = bench.tool.analyze({.directions = 0, .baseline_draws = 2});
  // OV of L0H0 and QKᵀ of L1H0 map ten orthogonal tokens with equal size: 10 / (√10 √10 √10).
  EXPECT_NEAR(value_at(found, "composition", {1, 0, 0, 1, 0}), 1.0 / std::sqrt(10.0), 1e-6);
  EXPECT_NEAR(value_at(found, "composition", {0, 0, 0, 1, 0}), 0.0, 1e-6);
  EXPECT_NEAR(value_at(found, "composition", {2, 0, 0, 1, 0}), 0.0, 1e-6);
  EXPECT_EQ(found["pair"].strings[0], "k: L0H0 > L1H0");
  // The other heads have no weights, and no head reads a later one.
  for (const auto& index : std::vector<std::vector<std::int64_t>>{
           {1, 0, 1, 1, 0}, {1, 0, 0, 1, 1}, {1, 1, 0, 0, 0}, {1, 0, 0, 0, 0}})
    EXPECT_TRUE(std::isnan(value_at(found, "composition", index)));
  EXPECT_EQ(found.dim("pair"), 3);
  // L1H0 copies what it reads, L0H0 writes where the unembedding does not look.
  EXPECT_NEAR(value_at(found, "copying_score", {1, 0}), 1.0, 1e-6);
  EXPECT_TRUE(std::isnan(value_at(found, "copying_score", {0, 0})));
  expect_receipts_hold(found);
}

TEST(RandomHeads, ScoreAboutOneOverTheRootOfTheWidth) {
  TransformerSpec spec;
  spec.d_model = 48;
  spec.attention.n_heads = spec.attention.n_key_value_heads = 4;
  spec.attention.d_head = 12;
  for (const Mode mode : {Mode::query, Mode::key, Mode::value}) {
    const Baseline found = random_scores(spec, mode, 200, 5, 0);
    // Four standard errors, and a bias of the ratio of norms below 1 % at this width.
    EXPECT_NEAR(found.mean, 1.0 / std::sqrt(48.0),
                4.0 * found.deviation / std::sqrt(200.0) + 0.01 / std::sqrt(48.0));
    EXPECT_GT(found.deviation, 0.0);
    EXPECT_LT(found.deviation, 0.2 * found.mean);
    EXPECT_EQ(random_scores(spec, mode, 200, 5, 0).mean, found.mean);
    EXPECT_NE(random_scores(spec, mode, 200, 6, 0).mean, found.mean);
  }
}

}  // namespace
}  // namespace lensbench::composition
