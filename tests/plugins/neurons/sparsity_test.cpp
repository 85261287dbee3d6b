// What is known of planted neurons, and what must hold whatever the weights.
#include "neurons/sparsity.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/weight_changes.hpp>
#include <map>

#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/planted_facts.hpp"
#include "support/random_model.hpp"
#include "support/results.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench::neurons {

using testing::expect_receipts_hold;
using testing::value_at;
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Bench = lensbench::testing::ToolBench<SparsityTool>;
using Given = std::map<std::string, std::string>;

Dataset run_with(Bench& bench, const Given& given = {}) {
  const Parameters parameters =
      Parameters::resolve(SparsityTool::kParameters, given, "tool 'sparsity'");
  bench.tool.check_parameters(parameters);
  return bench.tool.run(Request(bench.tokens, parameters));
}

TEST(PlantedNeurons, FireAtTheirSubjectAlone) {
  const testing::FactTokens tokens;
  TempDir folder;
  std::string lines;
  for (std::int64_t k = 0; k < tokens.n; ++k)
    lines += "{\"ids\": [" + std::to_string(tokens.start()) + ", " +
             std::to_string(tokens.subject(k)) + ", " + std::to_string(tokens.is()) + "]}\n";
  Bench bench(testing::fact_model().open(), tokens.prompt(0));
  const Dataset found =
      run_with(bench, {{"text", folder.write("facts.jsonl", lines).string()}, {"bins", "8"}});
  expect_receipts_hold(found);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("tokens")), 6);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("first_tokens_left_out")), 3);
  for (std::int64_t k = 0; k < tokens.n; ++k) {
    // One of six tokens has activation 1, the others 0; the norms round by 2e-6.
    EXPECT_DOUBLE_EQ(value_at(found, "frequency", {1, k}), 1.0 / 6);
    EXPECT_DOUBLE_EQ(value_at(found, "positive_frequency", {1, k}), 1.0 / 6);
    EXPECT_NEAR(value_at(found, "max_activation", {1, k}), 1, 1e-5);
    EXPECT_NEAR(value_at(found, "rms", {1, k}), std::sqrt(1.0 / 6), 1e-5);
    EXPECT_NEAR(value_at(found, "mean_activation", {1, k}), 1.0 / 6, 1e-5);
    // p = 1/6: (1 - 6 p (1 - p)) / (p (1 - p)) = 1.2.
    EXPECT_NEAR(value_at(found, "kurtosis", {1, k}), 1.2, 1e-5);
    EXPECT_NEAR(value_at(found, "gini", {1, k}), 5.0 / 6, 1e-9);
    EXPECT_EQ(value_at(found, "dead", {1, k}), 0);
    EXPECT_EQ(value_at(found, "dead", {3, k}), 1);
    EXPECT_EQ(value_at(found, "frequency", {0, k}), 0);
  }
  EXPECT_EQ(value_at(found, "dead_share", {1}), 0);
  EXPECT_EQ(value_at(found, "dead_share", {0}), 1);
  EXPECT_NEAR(value_at(found, "mean_l0", {1}), 0.5, 1e-12);
  EXPECT_NEAR(value_at(found, "mean_l1", {1}), 0.5, 1e-5);
  EXPECT_NEAR(value_at(found, "mean_hoyer", {1}), 1, 1e-5) << "over the tokens that are not 0";
  EXPECT_TRUE(std::isnan(value_at(found, "mean_hoyer", {0})));
  const std::vector<double> l0 = {0, 1, 0};
  for (std::int64_t token = 0; token < 3; ++token)
    EXPECT_EQ(value_at(found, "l0", {1, token}), l0[static_cast<std::size_t>(token)]);
  EXPECT_NEAR(value_at(found, "hoyer", {1, 1}), 1, 1e-5);
  EXPECT_NEAR(value_at(found, "token_gini", {1, 1}), 2.0 / 3, 1e-9);
  EXPECT_TRUE(std::isnan(value_at(found, "hoyer", {1, 2})));
  // Six tokens of three neurons: three activations are 1, in the last bin.
  const at::Tensor counts = found["activation_histogram"].tensor[1];
  EXPECT_EQ(counts.sum().item<std::int64_t>(), 18);
  EXPECT_EQ(counts[0].item<std::int64_t>(), 15);
  EXPECT_LE(counts.size(0), 8);
}

const std::vector<std::vector<std::int64_t>> kDocuments = {
    {3, 17, 5, 5, 8, 1, 2}, {1, 2}, {9}, {8, 30, 31, 32, 33, 7}};
constexpr const char* kLines =
    "{\"ids\": [3,17,5,5,8,1,2]}\n{\"ids\": [1,2]}\n{\"ids\": [9]}\n"
    "{\"ids\": [8,30,31,32,33,7]}\n";

class SparsityOfText : public ::testing::Test {
 protected:
  /// Rows [row, neuron] in float64 of windows of at most 4 tokens, without the first token of each
  /// document.
  at::Tensor rows_of(const std::string& hook) {
    std::vector<at::Tensor> rows;
    for (const auto& document : kDocuments)
      for (std::size_t first = 0; first < document.size(); first += 4) {
        const auto begin = document.begin() + static_cast<std::ptrdiff_t>(first);
        const auto end =
            document.begin() + static_cast<std::ptrdiff_t>(std::min(first + 4, document.size()));
        const Tokens tokens = tokens_from_ids(*bench_.model, {begin, end});
        const at::Tensor x = bench_.context.activations(tokens, {hook}).at(hook)[0].to(at::kDouble);
        const std::int64_t skipped = first == 0 ? 1 : 0;
        rows.push_back(x.narrow(0, skipped, x.size(0) - skipped));
      }
    return at::cat(rows);
  }
  Dataset measure(Given given = {}) {
    given["text"] = folder_.write("text.jsonl", kLines).string();
    given.emplace("window", "4");
    return run_with(bench_, given);
  }
  std::string refusal(const Given& given) {
    return message_of<UsageError>([&] { run_with(bench_, given); });
  }

  TempDir folder_;
  Bench bench_{random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), {3, 17, 5, 5, 11, 0, 23}};
};

TEST_F(SparsityOfText, IsThatOfItsRowsInFloat64) {
  const Dataset found = measure({{"threshold", "0.5"}});
  expect_receipts_hold(found);
  for (const std::int64_t block : {0, 2}) {
    const at::Tensor x = rows_of("blocks." + std::to_string(block) + ".mlp.hook_post");
    ASSERT_EQ(x.size(0), 12) << "16 tokens of 4 documents";
    const at::Tensor size = x.abs(), rms = x.pow(2).mean(0).sqrt();
    const at::Tensor edge = found["active_above"].tensor[block];
    EXPECT_LT((edge / (0.5 * rms) - 1).abs().max().item<double>(), 1.0 / 32 + 1e-6);
    EXPECT_LT(
        largest_difference(found["frequency"].tensor[block], size.ge(edge).to(at::kDouble).mean(0)),
        1e-12);
    EXPECT_LT(largest_difference(found["positive_frequency"].tensor[block],
                                 x.gt(0).to(at::kDouble).mean(0)),
              1e-12);
    EXPECT_LT(largest_difference(found["mean_activation"].tensor[block], x.mean(0)), 1e-12);
    EXPECT_LT(largest_difference(found["rms"].tensor[block], rms), 1e-12);
    const at::Tensor centred = x - x.mean(0);
    EXPECT_LT(largest_difference(found["kurtosis"].tensor[block],
                                 centred.pow(4).mean(0) / centred.pow(2).mean(0).pow(2) - 3),
              1e-9);
    EXPECT_LT(largest_difference(found["max_activation"].tensor[block], std::get<0>(x.max(0))),
              1e-12);
    EXPECT_LT(largest_difference(found["min_activation"].tensor[block], std::get<0>(x.min(0))),
              1e-12);
    const at::Tensor pairs = (size.unsqueeze(0) - size.unsqueeze(1)).abs().sum(0).sum(0);
    EXPECT_LT(largest_difference(found["gini"].tensor[block], pairs / (2 * 12 * size.sum(0))),
              0.02);
    const at::Tensor of_block = x.pow(2).mean().sqrt();
    EXPECT_TRUE(at::equal(found["dead"].tensor[block].to(at::kBool),
                          std::get<0>(size.max(0)).lt(0.1 * of_block)));
    EXPECT_NEAR(value_at(found, "mean_l0", {block}),
                size.ge(edge).sum(1).to(at::kDouble).mean().item<double>(), 1e-9);
    EXPECT_NEAR(value_at(found, "mean_l1", {block}), size.sum(1).mean().item<double>(), 1e-9);
    const double root = std::sqrt(40.0);
    EXPECT_NEAR(value_at(found, "mean_hoyer", {block}),
                ((root - size.sum(1) / x.norm(2, 1)) / (root - 1)).mean().item<double>(), 1e-9);
  }
}

TEST_F(SparsityOfText, TheHistogramHasEveryActivation) {
  const Dataset found = measure({{"bins", "10"}});
  const at::Tensor low = found["bin_low"].tensor, counts = found["activation_histogram"].tensor;
  EXPECT_LE(low.size(0), 10);
  EXPECT_GT(low.size(0), 5) << "bins are as narrow as they can be";
  const double width = (low[1] - low[0]).item<double>();
  for (std::int64_t block = 0; block < 3; ++block) {
    const at::Tensor x = rows_of("blocks." + std::to_string(block) + ".mlp.hook_post");
    for (std::int64_t bin = 0; bin < low.size(0); ++bin) {
      const double from = low[bin].item<double>();
      EXPECT_EQ(counts[block][bin].item<std::int64_t>(),
                x.ge(from).logical_and(x.lt(from + width)).sum().item<std::int64_t>());
    }
  }
}

TEST_F(SparsityOfText, TokensOfThePromptAreThoseOfTheForward) {
  const Dataset found = measure();
  const at::Tensor x = bench_.context.activations(bench_.tokens, {"blocks.1.mlp.hook_post"})
                           .at("blocks.1.mlp.hook_post")[0]
                           .to(at::kDouble);
  EXPECT_EQ(found["l0"].tensor.sizes(), (std::vector<std::int64_t>{3, 7}));
  EXPECT_LT(largest_difference(found["l1"].tensor[1], x.abs().sum(1)), 1e-12);
  EXPECT_TRUE(at::equal(found["l0"].tensor[1].to(at::kLong),
                        x.abs().ge(found["active_above"].tensor[1]).sum(1)));
  const at::Tensor centred = x - x.mean(1, true);
  EXPECT_LT(largest_difference(found["token_kurtosis"].tensor[1],
                               centred.pow(4).mean(1) / centred.pow(2).mean(1).pow(2) - 3),
            1e-9);
}

TEST_F(SparsityOfText, AThresholdAppliesToSizesOfBothSigns) {
  const Dataset low = measure({{"threshold", "0.1"}}), high = measure({{"threshold", "1"}});
  EXPECT_TRUE(high["frequency"].tensor.le(low["frequency"].tensor).all().item<bool>());
  EXPECT_LT(value_at(high, "mean_l0", {0}), value_at(low, "mean_l0", {0}));
  // GELU is negative mostly: many neurons that are active are not positive.
  EXPECT_GT(value_at(low, "mean_l0", {0}) / 40,
            low["positive_frequency"].tensor[0].mean().item<double>());
}

TEST_F(SparsityOfText, FirstTokensAreLeftOutAndCounted) {
  at::Tensor positions = bench_.model->weight("pos_embed.W_pos").clone();
  positions[0].mul_(1000);
  Bench bench(with_weights(bench_.model, {{"pos_embed.W_pos", positions}}), {3, 17, 5, 5});
  const Dataset without = run_with(bench, {{"point", "hook_resid_post"}});
  const Dataset with = run_with(bench, {{"point", "hook_resid_post"}, {"exclude_first", "false"}});
  expect_receipts_hold(without);
  expect_receipts_hold(with);
  EXPECT_EQ(std::get<std::int64_t>(without.attributes.at("first_tokens_left_out")), 1);
  EXPECT_EQ(std::get<std::int64_t>(with.attributes.at("first_tokens_left_out")), 0);
  EXPECT_EQ(value_at(without, "rows", {0, 0}), 3);
  EXPECT_EQ(value_at(with, "rows", {0, 0}), 4);
  EXPECT_GT(with["rms"].tensor[0].mean().item<double>(),
            10 * without["rms"].tensor[0].mean().item<double>());
}

TEST_F(SparsityOfText, OneTokenIsRefusedBecauseFirstTokensAreLeftOut) {
  Bench one(bench_.model, {3});
  EXPECT_THAT(message_of<UsageError>([&] { run_with(one); }),
              HasSubstr("the text has 0 tokens in addition to the first ones"));
}

TEST_F(SparsityOfText, IsReadOnceForAllPrompts) {
  const Dataset first = measure();
  bench_.tokens = tokens_from_ids(*bench_.model, {4, 4, 9});
  const Dataset second = measure();
  EXPECT_TRUE(at::equal(first["frequency"].tensor, second["frequency"].tensor));
  EXPECT_EQ(second["l0"].tensor.size(1), 3);
  folder_.write("text.jsonl", kLines);
  const Dataset other = measure({{"windows", "2"}});
  EXPECT_EQ(std::get<std::int64_t>(other.attributes.at("windows_measured")), 2);
}

TEST_F(SparsityOfText, PointsOfOneBlockAndOfTheStream) {
  const Dataset block = measure({{"point", "blocks.1.mlp.hook_pre"}});
  EXPECT_EQ(block["block"].tensor[0].item<int>(), 1);
  EXPECT_EQ(block["rms"].tensor.sizes(), (std::vector<std::int64_t>{1, 40}));
  EXPECT_EQ(measure({{"point", "hook_mlp_out"}})["rms"].tensor.size(1), 24);
}

TEST_F(SparsityOfText, RefusesWhatHasNoNeurons) {
  EXPECT_THAT(refusal({{"point", "attn.hook_pattern"}}),
              AllOf(HasSubstr("[head, query_pos, key_pos]"), HasSubstr("mlp.hook_post")));
  EXPECT_THAT(refusal({{"point", "ln_final.hook_normalized"}}),
              AllOf(HasSubstr("in a block"), HasSubstr("mlp.hook_post")));
  EXPECT_THAT(refusal({{"point", "mlp.hook_nothing"}}),
              AllOf(HasSubstr("'gpt2'"), HasSubstr("mlp.hook_post")));
  EXPECT_THAT(refusal({{"threshold", "0"}}), HasSubstr("threshold"));
  EXPECT_THAT(refusal({{"bins", "1"}}), HasSubstr("bins"));
}

TEST_F(SparsityOfText, RefusesTextsThatCannotBeRead) {
  const auto refused = [&](const std::string& name, const std::string& content) {
    const std::string path = folder_.write(name, content).string();
    return message_of<InputError>([&] { run_with(bench_, {{"text", path}}); });
  };
  EXPECT_THAT(refused("empty.txt", ""), HasSubstr("empty.txt"));
  EXPECT_THAT(refused("bytes.jsonl", "{\"text\": \"\xff\xfe\"}\n"), HasSubstr("UTF-8"));
}

TEST(NeuronsOfExperts, HaveTheTokensThatAreRoutedToThem) {
  Bench bench(Model::open(lensbench::testing::data_folder() + "/models/mixtral"),
              {3, 17, 5, 9, 11, 17, 5, 9});
  const MlpSpec& mlp = bench.model->spec().mlp;
  const Dataset found = run_with(bench);
  expect_receipts_hold(found);
  ASSERT_EQ(found["rows"].tensor.size(1), mlp.n_experts * mlp.d_mlp);
  const auto values = bench.context.activations(
      bench.tokens, {"blocks.*.mlp.hook_expert_indices", "blocks.*.mlp.experts.*.hook_post"});
  const at::Tensor chosen = values.at("blocks.1.mlp.hook_expert_indices");
  for (std::int64_t e = 0; e < mlp.n_experts; ++e) {
    const at::Tensor routed = chosen.narrow(0, 1, 7).eq(e).sum();
    EXPECT_EQ(value_at(found, "rows", {1, e * mlp.d_mlp}), routed.item<std::int64_t>());
    const at::Tensor post =
        values.at("blocks.1.mlp.experts." + std::to_string(e) + ".hook_post").to(at::kDouble);
    const std::int64_t skipped = chosen[0].eq(e).sum().item<std::int64_t>();
    if (post.size(0) == skipped) continue;
    EXPECT_LT(
        largest_difference(found["rms"].tensor[1].narrow(0, e * mlp.d_mlp, mlp.d_mlp),
                           post.narrow(0, skipped, post.size(0) - skipped).pow(2).mean(0).sqrt()),
        1e-12);
  }
  // Each token has the neurons of its experts only.
  EXPECT_LE(found["l0"].tensor.max().item<int>(), mlp.experts_per_token * mlp.d_mlp);
}

}  // namespace
}  // namespace lensbench::neurons
