// Against TransformerLens and numpy (tests/parity/composition_reference.py), and against dense
// matrices.
#include <ATen/core/Tensor.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_matrix_norm.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "composition_fixture.hpp"

namespace lensbench::composition {
namespace {

// Float64 of float32 weights on both sides, in another order.
constexpr double kOrder = 1e-9;
// TransformerLens rounds folded weights to float32.
constexpr double kFolded = 1e-6;

class CompositionReference : public ::testing::Test {
 protected:
  void expect_scores(const Dataset& found, const nlohmann::json& expected, double tolerance) {
    for (std::size_t mode = 0; mode < 3; ++mode)
      for (std::size_t s = 0; s < 6; ++s)
        for (std::size_t r = 0; r < 6; ++r) {
          const double value =
              value_at(found, "composition",
                       {static_cast<std::int64_t>(mode), std::int64_t(s / 2), std::int64_t(s % 2),
                        std::int64_t(r / 2), std::int64_t(r % 2)});
          if (s / 2 >= r / 2) {
            EXPECT_TRUE(std::isnan(value));
            continue;
          }
          const std::string name = found["mode"].strings[mode];
          EXPECT_NEAR(value, expected[name][s / 2][s % 2][r / 2][r % 2], tolerance)
              << name << " " << s << " > " << r;
        }
  }

  nlohmann::json expected_ =
      nlohmann::json::parse(std::ifstream(testing::data_folder() + "/composition/gpt2.json"));
  CompositionBench bench_ = bench_of("layer_attribution/gpt2");
};

TEST_F(CompositionReference, ScoresPairsAsTransformerLensDoes) {
  expect_scores(bench_.tool.analyze({.fold_norm = false}), expected_["raw"], kOrder);
  expect_scores(bench_.tool.analyze({.fold_norm = true}), expected_["folded"], kFolded);
}

TEST_F(CompositionReference, HasTheEigenvaluesOfMatricesOfTheSizeOfTheVocabulary) {
  const Dataset found = bench_.tool.analyze({});
  for (std::int64_t block = 0; block < 3; ++block)
    for (std::int64_t head = 0; head < 2; ++head) {
      const auto b = static_cast<std::size_t>(block), h = static_cast<std::size_t>(head);
      EXPECT_NEAR(value_at(found, "copying_score", {block, head}), expected_["copying"][b][h],
                  kFolded);
      EXPECT_NEAR(value_at(found, "matching_score", {block, head}), expected_["matching"][b][h],
                  kFolded);
    }
  expect_receipts_hold(found);
}

at::Tensor weight(const CompositionBench& bench, std::int64_t block, const std::string& name) {
  return bench.model->weight("blocks." + std::to_string(block) + ".attn." + name).to(at::kDouble);
}

// TransformerLens #1768: results of grouped heads were those of another head.
TEST(GroupedHeads, AreScoredWithTheirOwnKeysAndValues) {
  CompositionBench bench = bench_of("models/llama-gqa");
  const AttentionSpec& spec = bench.model->spec().attention;
  ASSERT_LT(spec.n_key_value_heads, spec.n_heads);
  const Dataset found = bench.tool.analyze({.fold_norm = false, .directions = 1, .top_k = 2});
  const std::int64_t group = spec.n_heads / spec.n_key_value_heads;
  for (std::int64_t s = 0; s < spec.n_heads; ++s)
    for (std::int64_t r = 0; r < spec.n_heads; ++r) {
      const at::Tensor ov =
          at::matmul(weight(bench, 0, "W_V")[s / group], weight(bench, 0, "W_O")[s]);
      const at::Tensor qk =
          at::matmul(weight(bench, 1, "W_Q")[r], weight(bench, 1, "W_K")[r / group].t());
      const auto expect = [&](std::int64_t mode, const at::Tensor& x) {
        EXPECT_NEAR(value_at(found, "composition", {mode, 0, s, 1, r}),
                    (at::matmul(ov, x).norm() / (ov.norm() * x.norm())).item<double>(), kOrder);
      };
      expect(0, qk);
      expect(1, qk.t());
      expect(2, at::matmul(weight(bench, 1, "W_V")[r / group], weight(bench, 1, "W_O")[r]));
      EXPECT_NEAR(value_at(found, "ov_norm", {0, s}), ov.norm().item<double>(), kOrder);
      EXPECT_NEAR(value_at(found, "singular_value", {1, 1, r, 0}),
                  at::linalg_matrix_norm(qk, 2).item<double>(), kOrder);
    }
}

at::Tensor by_hand_folded(const at::Tensor& weight, const at::Tensor& gain, bool centre) {
  const at::Tensor scaled = at::matmul(at::diag(gain), weight);
  if (!centre) return scaled;
  const std::int64_t d = gain.size(0);
  return at::matmul(
      at::eye(d, at::kDouble) - at::full({d, d}, 1.0 / static_cast<double>(d), at::kDouble),
      scaled);
}

TEST(FoldedNorms, AreGainAndCentringBeforeTheWeights) {
  for (const char* name : {"gpt2", "llama-gqa"}) {
    CompositionBench bench = bench_of(std::string("models/") + name);
    const bool centre = bench.model->spec().norm.kind == NormKind::layer_norm;
    const HeadWeights weights(*bench.model, true, 0);
    const at::Tensor gain = bench.model->weight("blocks.1.ln1.w").to(at::kDouble);
    EXPECT_LT(testing::largest_difference(weights.block(1).query[1],
                                          by_hand_folded(weight(bench, 1, "W_Q")[1], gain, centre)),
              kOrder);
    EXPECT_LT(testing::largest_difference(weights.block(1).value[0],
                                          by_hand_folded(weight(bench, 1, "W_V")[0], gain, centre)),
              kOrder);
    const at::Tensor final_gain = bench.model->weight("ln_final.w").to(at::kDouble);
    const at::Tensor unembed = bench.model->unembedding().weight.to(at::kDouble).t();
    EXPECT_LT(
        testing::largest_difference(weights.logit_vectors(0, 5).t(),
                                    by_hand_folded(unembed.narrow(1, 0, 5), final_gain, centre)),
        kOrder);
  }
}

TEST(FoldedNorms, AreTheWritersWhereANormFollowsAttention) {
  CompositionBench bench = bench_of("models/gemma2");
  const HeadWeights weights(*bench.model, true, 0);
  const at::Tensor gain = bench.model->weight("blocks.0.ln1_post.w").to(at::kDouble);
  EXPECT_LT(
      testing::largest_difference(weights.block(0).output[0], weight(bench, 0, "W_O")[0] * gain),
      kOrder);
  const Dataset found = bench.tool.analyze({.top_k = 3});
  const auto said = std::get<std::string>(found.attributes.at("left_out"));
  EXPECT_NE(said.find("gain is folded into W_O"), std::string::npos) << said;
  EXPECT_NE(said.find("scales of norms"), std::string::npos) << said;
}

}  // namespace
}  // namespace lensbench::composition
