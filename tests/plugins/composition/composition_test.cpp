// Directions, rotation, and what is refused.
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>

#include "checkpoint/weights/safetensors.hpp"
#include "composition/decode.hpp"
#include "composition/rotation.hpp"
#include "composition/spectra.hpp"
#include "composition_fixture.hpp"
#include "support/error_matchers.hpp"
#include "support/planted_attention.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::composition {
namespace {

using ::lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CompositionToolTest : public ::testing::Test {
 protected:
  std::string refusal(const CompositionOptions& options) {
    return message_of<UsageError>([&] { gpt2_.tool.analyze(options); });
  }
  Dataset run_with(const std::map<std::string, std::string>& given) {
    const Parameters parameters =
        Parameters::resolve(CompositionTool::kParameters, given, "tool 'composition'");
    gpt2_.tool.check_parameters(parameters);
    return gpt2_.tool.run(Request(gpt2_.tokens, parameters));
  }

  CompositionBench gpt2_ = bench_of("models/gpt2");
};

TEST_F(CompositionToolTest, DecodesBothEndsOfADirection) {
  const Dataset found = gpt2_.tool.analyze({.directions = 2, .top_k = 3});
  const HeadWeights weights(*gpt2_.model, true, 0);
  const linear_algebra::Svd ov = ov_directions(weights.block(1), 2);
  const std::int64_t n = weights.n_tokens();
  const at::Tensor read = at::matmul(weights.embeddings(0, n), ov.U.select(1, 1));
  const at::Tensor written = at::matmul(weights.logit_vectors(0, n), ov.V.select(1, 1));
  const auto expect_end = [&](const std::string& name, const at::Tensor& products,
                              std::int64_t sign) {
    const auto [values, ids] = products.topk(3);
    const at::Tensor id = found[name + "_top_id"].tensor[1][2][1][sign];
    EXPECT_TRUE(id.equal(ids.to(at::kInt))) << name << " " << id << ids;
    EXPECT_LT(testing::largest_difference(found[name + "_top_value"].tensor[1][2][1][sign], values),
              1e-12);
  };
  expect_end("input", read, 0);
  expect_end("input", -read, 1);
  expect_end("output", written, 0);
  expect_end("output", -written, 1);
  EXPECT_EQ(value_at(found, "singular_value", {0, 1, 2, 1}), ov.S[1].item<double>());
  const linear_algebra::Svd qk = qk_directions(weights.block(1), 2);
  expect_end("query", at::matmul(weights.embeddings(0, n), qk.U.select(1, 1)), 0);
  expect_end("key", at::matmul(weights.embeddings(0, n), qk.V.select(1, 1)), 0);
}

// TransformerLens #226: Vh of a factored matrix was V.
TEST_F(CompositionToolTest, PairsDirectionsSoThatTheyReproduceTheMatrix) {
  const BlockHeads heads = HeadWeights(*gpt2_.model, true, 0).block(0);
  const linear_algebra::Svd qk = qk_directions(heads, 1);
  const at::Tensor dense = at::matmul(heads.query[1], heads.key_of(1).t());
  EXPECT_LT(testing::largest_difference(at::matmul(qk.U * qk.S, qk.V.t()), dense), 1e-12);
}

TEST_F(CompositionToolTest, MarksDirectionsThatAreNotDetermined) {
  CompositionBench bench(testing::induction_model(10).open(), {0});
  const Dataset found = bench.tool.analyze({.modes = {}, .directions = 3, .top_k = 1});
  // The ten tokens that L0H0 copies have equal singular values.
  for (std::int64_t direction = 0; direction < 3; ++direction)
    EXPECT_EQ(value_at(found, "degenerate", {0, 0, 0, direction}), 1.0);
}

TEST(EndTokens, AreInTheOrderOfIdsWhereEqual) {
  const TokenRows rows = [](std::int64_t first, std::int64_t count) {
    return at::tensor({1.0, 2.0, -1.0, 2.0, 1.0}, at::kDouble).view({5, 1}).narrow(0, first, count);
  };
  const EndTokens ends = tokens_at_ends(at::ones({1, 1}, at::kDouble), rows, 5, 3);
  EXPECT_TRUE(ends.id[0][0].equal(at::tensor({1, 3, 0}, at::kInt)));
  EXPECT_TRUE(ends.id[0][1].equal(at::tensor({2, 0, 4}, at::kInt)));
  EXPECT_EQ(ends.value[0][1][0].item<double>(), 1.0);
}

TEST(ChosenDirection, IsReadAndWrittenByThePlantedHeads) {
  CompositionBench bench(testing::induction_model(5, 8, 2.0).open(), {0});
  const Dataset found =
      bench.tool.analyze({.modes = {}, .directions = 0, .top_k = 1, .direction = 3});
  // L0H0 and L1H0 read tokens by their values, L1H0 by its queries as well; L1H1 reads nothing.
  EXPECT_GT(value_at(found, "read_v", {0, 0}), 1.0);
  EXPECT_GT(value_at(found, "read_q", {1, 0}), 1.0);
  EXPECT_NEAR(value_at(found, "read_k", {1, 0}), 0.0, 1e-6);
  EXPECT_EQ(value_at(found, "read_v", {1, 1}), 0.0);
  // Only L1H0 writes the logit of the token.
  EXPECT_GT(value_at(found, "write", {1, 0}), 1.0);
  EXPECT_NEAR(value_at(found, "write", {0, 0}), 0.0, 1e-6);
}

TEST_F(CompositionToolTest, ReadsADirectionOfAFile) {
  const testing::TempDir folder;
  const std::int64_t d = gpt2_.model->spec().d_model;
  at::Tensor direction = at::zeros({d}, at::kFloat);
  direction[3] = 2.0;
  const std::string path = (folder / "direction.safetensors").string();
  write_safetensors(path, {{"mine", direction}});
  const Dataset found =
      gpt2_.tool.analyze({.fold_norm = false, .directions = 0, .direction_file = path});
  const at::Tensor query = gpt2_.model->weight("blocks.0.attn.W_Q").to(at::kDouble);
  EXPECT_NEAR(value_at(found, "read_q", {0, 1}), query[1][3].norm().item<double>(), 1e-12);
  const at::Tensor value = gpt2_.model->weight("blocks.1.attn.W_V")[2].to(at::kDouble);
  const at::Tensor output = gpt2_.model->weight("blocks.1.attn.W_O")[2].to(at::kDouble);
  EXPECT_NEAR(value_at(found, "write", {1, 2}),
              at::matmul(value, output.select(1, 3)).norm().item<double>(), 1e-12);
}

TEST_F(CompositionToolTest, RefusesFilesWithoutADirection) {
  const testing::TempDir folder;
  const std::int64_t d = gpt2_.model->spec().d_model;
  const std::string two = (folder / "two.safetensors").string();
  write_safetensors(two, {{"a", at::ones({d})}, {"b", at::ones({d})}});
  EXPECT_THAT(refusal({.direction_file = two}),
              AllOf(HasSubstr("2 tensors"), HasSubstr("direction")));
  const std::string zero = (folder / "zero.safetensors").string();
  write_safetensors(zero, {{"direction", at::zeros({d})}});
  EXPECT_THAT(refusal({.direction_file = zero}), HasSubstr("is zero"));
  // Before the first case, too.
  const auto check = [&](const std::string& file) {
    gpt2_.tool.check_parameters(Parameters::resolve(CompositionTool::kParameters,
                                                    {{"direction_file", file}}, "composition"));
  };
  EXPECT_THAT(message_of<UsageError>([&] { check(zero); }), HasSubstr("is zero"));
  EXPECT_THAT(message_of<InputError>([&] { check("none.safetensors"); }),
              HasSubstr("file not found"));
  const std::string wide = (folder / "wide.safetensors").string();
  write_safetensors(wide, {{"direction", at::ones({d + 1})}});
  EXPECT_THROW(gpt2_.tool.analyze({.direction_file = wide}), InputError);
  EXPECT_THAT(refusal({.direction = 1, .direction_file = two}), HasSubstr("both set"));
}

TEST_F(CompositionToolTest, RefusesWrongNumbersAndModes) {
  EXPECT_THAT(refusal({.modes = {"o"}}), HasSubstr("known are q, k, v"));
  EXPECT_THAT(refusal({.modes = {"q", "q"}}), HasSubstr("twice"));
  EXPECT_THAT(refusal({.directions = 7}), AllOf(HasSubstr("directions is 7"), HasSubstr("0 to 6")));
  EXPECT_THAT(refusal({.top_k = 62}), HasSubstr("1 to 61"));
  EXPECT_THAT(refusal({.direction = 61}), HasSubstr("0 to 60"));
  EXPECT_THAT(refusal({.baseline_draws = 1}), HasSubstr("baseline_draws"));
}

TEST_F(CompositionToolTest, AnswersEveryPromptWithTheSameResult) {
  const Dataset first = run_with({{"baseline_draws", "5"}});
  gpt2_.tokens = tokens_from_ids(*gpt2_.model, {9, 8, 7});
  const Dataset second = run_with({{"baseline_draws", "5"}});
  EXPECT_TRUE(second["baseline_mean"].tensor.equal(first["baseline_mean"].tensor));
  EXPECT_FALSE(second.contains("token"));
  const Dataset other = run_with({{"baseline_draws", "6"}});
  EXPECT_FALSE(other["baseline_mean"].tensor.equal(first["baseline_mean"].tensor));
}

TEST_F(CompositionToolTest, HasNoScoresWithoutModes) {
  const Dataset found = gpt2_.tool.analyze({.modes = {}, .directions = 0});
  EXPECT_FALSE(found.contains("composition"));
  EXPECT_FALSE(found.contains("baseline"));
  EXPECT_TRUE(found.contains("copying_score"));
}

TEST(CompositionModels, AreRefusedWhereANormFollowsEverySublayer) {
  CompositionBench bench = bench_of("models/bert");
  EXPECT_THAT(message_of<UsageError>([&] { bench.tool.check_compatible(*bench.model); }),
              AllOf(HasSubstr("'bert'"), HasSubstr("use another model")));
}

TEST(CompositionModels, InHalfPrecisionAreWidenedFirst) {
  CompositionBench bench = bench_of("models/gpt2", {.dtype = at::kBFloat16});
  const Dataset found = bench.tool.analyze({.top_k = 2});
  EXPECT_EQ(found["composition"].tensor.scalar_type(), at::kDouble);
  expect_receipts_hold(found);
}

// The score of a query at position 3 and a key at position 1, from the activations of a forward.
TEST(Rotation, GivesTheScoresOfARotaryModel) {
  for (const char* name : {"llama-gqa", "gptj", "gpt-neox", "phi", "qwen3", "gemma3"}) {
    CompositionBench bench = bench_of(std::string("models/") + name);
    bench.tokens = tokens_from_ids(*bench.model, {3, 17, 5, 9});
    const AttentionSpec& spec = bench.model->spec().attention;
    const std::vector<at::Tensor> rotation = rotations(*bench.model, 2);
    for (std::int64_t block = 0; block < 2; ++block) {
      const std::string prefix = "blocks." + std::to_string(block) + ".attn.";
      const auto read = [&](const std::string& hook) {
        return bench.context.activations(bench.tokens, {prefix + hook})
            .at(prefix + hook)[0]
            .to(at::kDouble);
      };
      // At position 0 nothing is rotated, so this undoes the rotation of position 1 and 3.
      const at::Tensor rotated_q = read("hook_rot_q"), rotated_k = read("hook_rot_k");
      const std::vector<at::Tensor> one = rotations(*bench.model, 1),
                                    three = rotations(*bench.model, 3);
      const auto at = static_cast<std::size_t>(block);
      const at::Tensor q = at::matmul(rotated_q[3][0], three[at].t());
      const at::Tensor k = at::matmul(rotated_k[1][0], one[at].t());
      const double score = rotated_q[3][0].dot(rotated_k[1][0]).item<double>();
      EXPECT_NEAR(at::matmul(q, rotation[at]).dot(k).item<double>(), score,
                  1e-5 * std::max(1.0, std::abs(score)))
          << name;
      // It is a rotation: its transpose is its inverse.
      EXPECT_LT(testing::largest_difference(at::matmul(rotation[at], rotation[at].t()),
                                            at::eye(spec.d_head, at::kDouble)),
                1e-5)
          << name;
      if (spec.query_key_norm) continue;
      EXPECT_LT(testing::largest_difference(q, read("hook_q")[3][0]), 1e-5);
    }
  }
}

TEST(Rotation, ChangesQkAlone) {
  CompositionBench bench = bench_of("models/llama");
  const Dataset here = bench.tool.analyze({.top_k = 2});
  const Dataset there = bench.tool.analyze({.offset = 5, .top_k = 2});
  EXPECT_TRUE(there["ov_norm"].tensor.equal(here["ov_norm"].tensor));
  EXPECT_TRUE(there["copying_score"].tensor.equal(here["copying_score"].tensor));
  EXPECT_FALSE(there["matching_score"].tensor.equal(here["matching_score"].tensor));
  const auto said = [](const Dataset& found) {
    return std::get<std::string>(found.attributes.at("left_out"));
  };
  EXPECT_THAT(said(here), HasSubstr("at the same position"));
  EXPECT_THAT(said(there), ::testing::Not(HasSubstr("at the same position")));
  expect_receipts_hold(there);
}

TEST(Rotation, IsRefusedWhereThereIsNone) {
  CompositionBench gpt2 = bench_of("models/gpt2");
  EXPECT_THAT(message_of<UsageError>([&] { gpt2.tool.analyze({.offset = 1}); }),
              AllOf(HasSubstr("'gpt2'"), HasSubstr("give 0")));
  CompositionBench llama = bench_of("models/llama");
  const std::int64_t most = llama.model->spec().max_positions;
  EXPECT_THAT(message_of<UsageError>([&] { llama.tool.analyze({.offset = most}); }),
              HasSubstr("give at most " + std::to_string(most - 1)));
  EXPECT_THAT(message_of<UsageError>([&] { llama.tool.analyze({.offset = -1}); }),
              HasSubstr("offset is -1"));
}

}  // namespace
}  // namespace lensbench::composition
