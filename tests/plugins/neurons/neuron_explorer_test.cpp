// What is known of planted neurons, and what must hold whatever the weights.
#include "neurons/neuron_explorer.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <map>
#include <set>

#include "neurons/vocabulary.hpp"
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

using ExplorerBench = lensbench::testing::ToolBench<NeuronExplorerTool>;

Dataset explore(ExplorerBench& bench, const Settings& given = {}) {
  const Parameters parameters =
      Parameters::resolve(NeuronExplorerTool::kParameters, given, "tool 'neuron_explorer'");
  bench.tool.check_parameters(parameters);
  return bench.tool.run(Request(bench.tokens, parameters));
}

/// A line of JSONL for each document.
std::string lines_of(const std::vector<std::vector<std::int64_t>>& documents) {
  std::string lines;
  for (const auto& document : documents) {
    lines += "{\"ids\": [";
    for (std::size_t i = 0; i < document.size(); ++i)
      lines += (i == 0 ? "" : ",") + std::to_string(document[i]);
    lines += "]}\n";
  }
  return lines;
}

class PlantedFacts : public ::testing::Test {
 protected:
  Dataset measure(Settings given = {}) {
    std::vector<std::vector<std::int64_t>> documents;
    for (std::int64_t k = 0; k < tokens_.n; ++k) documents.push_back(tokens_.prompt(k));
    given["text"] = folder_.write("facts.jsonl", lines_of(documents)).string();
    given.emplace("neurons", "1:0,1:1,1:2");
    return explore(bench_, given);
  }

  testing::FactTokens tokens_;
  TempDir folder_;
  ExplorerBench bench_{testing::fact_model(4.0).open(), tokens_.prompt(0)};
};

TEST_F(PlantedFacts, ANeuronFiresAtItsSubjectAlone) {
  const Dataset found = measure({{"examples", "3"}, {"context", "1"}});
  expect_receipts_hold(found);
  ASSERT_EQ(found["top_activation"].tensor.sizes(), (std::vector<std::int64_t>{3, 3}));
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(value_at(found, "top_activation", {k, 0}), 1, 1e-5);
    EXPECT_EQ(value_at(found, "top_activation", {k, 1}), 0) << "the other documents";
    EXPECT_EQ(value_at(found, "top_document", {k, 0}), k);
    EXPECT_EQ(value_at(found, "top_position", {k, 0}), 1);
    EXPECT_EQ(value_at(found, "top_token", {k, 0}), tokens_.subject(k));
    EXPECT_NEAR(value_at(found, "corpus_maximum", {k}), 1, 1e-5);
    EXPECT_NEAR(value_at(found, "mean_activation", {k}), 1.0 / 6, 1e-5);
  }
  const std::string& text = found["example_text"].strings[3];  // example of neuron 1, rank 1
  EXPECT_THAT(text, AllOf(HasSubstr("S"), HasSubstr("«s2»"), HasSubstr("is")));
  // Three tokens of context; the first of the document is left out.
  EXPECT_TRUE(std::isnan(value_at(found, "context_activation", {0})));
  EXPECT_NEAR(value_at(found, "context_activation", {1}), 1, 1e-5);
  EXPECT_EQ(value_at(found, "context_activation", {2}), 0);
  EXPECT_EQ(found["context_text"].strings[1], "s1");
}

TEST_F(PlantedFacts, ItsFirstOutputTokenIsItsAnswerAndItsInputIsItsSubject) {
  // Written features reach the logits through the head of block 2, not directly: plant a direct
  // way. An answer written by block 1 is read by the unembedding only if it is.
  testing::PlantedModel direct = testing::fact_model(4.0);
  for (std::int64_t k = 0; k < 3; ++k) direct.unembed(tokens_.n + k, tokens_.answer(k), 4.0);
  ExplorerBench bench(direct.open(), tokens_.prompt(1));
  const Dataset found = explore(bench, {{"neurons", "1:0,1:1,1:2"}, {"top_k", "2"}});
  expect_receipts_hold(found);
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_EQ(value_at(found, "output_top_id", {k, 0, 0}), tokens_.answer(k));
    EXPECT_EQ(value_at(found, "input_top_id", {k, 0, 0}), tokens_.subject(k));
    // The final gain is B sqrt(2 / d), and its scale too: at unit scale the logit is b times that.
    const double gain = 1024 * std::sqrt(2.0 / static_cast<double>(bench.model->spec().d_model));
    EXPECT_NEAR(value_at(found, "output_top_value", {k, 0, 0}), 4 * gain, 4e-4 * gain);
    EXPECT_NEAR(value_at(found, "output_top_value", {k, 0, 1}), 0, 1e-9 * gain);
  }
}

TEST_F(PlantedFacts, ScaleZeroCostsTheLogitAndTwoDoublesIt) {
  const Dataset found = measure(
      {{"metric", "logit"}, {"target", std::to_string(tokens_.answer(0))}, {"factors", "0,1,2"}});
  expect_receipts_hold(found);
  EXPECT_NEAR(value_at(found, "base_metric", {}), 4, 1e-4);
  EXPECT_NEAR(value_at(found, "scale_effect", {0, 0}), -4, 1e-4);
  EXPECT_EQ(value_at(found, "scale_effect", {0, 1}), 0);
  EXPECT_NEAR(value_at(found, "scale_effect", {0, 2}), 4, 1e-3);
  EXPECT_EQ(value_at(found, "scale_effect", {1, 0}), 0) << "the neuron of another subject";
  EXPECT_NEAR(value_at(found, "activation", {0, 1}), 1, 1e-5);
}

TEST_F(PlantedFacts, ANeuronThatTakesAnotherActivationLosesItsOwn) {
  const Dataset found = measure({{"metric", "logit"},
                                 {"target", std::to_string(tokens_.answer(0))},
                                 {"interpolate", "1:0,1:1"}});
  // Neuron 1 is 0 in this prompt, so a mix of t leaves a = 1 - t. The head of block 2 compares the
  // scores 2 gap a of the answer and gap of S: it copies 4 a while a > 1/2, half of it at 1/2.
  ASSERT_EQ(found["interpolation"].tensor.size(0), 11);
  for (std::int64_t i = 0; i <= 10; ++i) {
    const double left = 1 - static_cast<double>(i) / 10;
    const double copied = i < 5 ? 4 * left : i == 5 ? 2 * left : 0;
    EXPECT_NEAR(value_at(found, "interpolation", {i}), copied - 4, 1e-3);
  }
}

TEST_F(PlantedFacts, TheMostKurtoticAreThoseThatFire) {
  const Dataset found = measure({{"neurons", ""}, {"count", "3"}});
  const std::set<std::string> names(found["neuron"].strings.begin(), found["neuron"].strings.end());
  EXPECT_EQ(names, (std::set<std::string>{"1:0", "1:1", "1:2"}));
}

const std::vector<std::vector<std::int64_t>> kTexts = {
    {3, 17, 5, 5, 8, 1, 2}, {1, 2}, {9}, {8, 30, 31, 32, 33, 7}, {4, 4, 11, 12}};

class ExplorerOfText : public ::testing::Test {
 protected:
  Dataset measure(Settings given = {}) {
    given["text"] = folder_.write("text.jsonl", lines_of(kTexts)).string();
    given.emplace("window", "4");
    given.emplace("neurons", "0:3,2:39,2:0");
    return explore(bench_, given);
  }
  /// Every row that counts: activation of a neuron, its document and position.
  struct Row {
    double activation;
    std::int64_t document, position, token;
    at::Tensor stream;
  };
  std::vector<Row> rows_of(std::int64_t block, std::int64_t neuron) {
    std::vector<Row> rows;
    const std::string post = "blocks." + std::to_string(block) + ".mlp.hook_post";
    const std::string pre = "blocks." + std::to_string(block) + ".hook_resid_pre";
    for (std::size_t d = 0; d < kTexts.size(); ++d)
      for (std::size_t first = 0; first < kTexts[d].size(); first += 4) {
        const std::size_t end = std::min(first + 4, kTexts[d].size());
        const Tokens tokens =
            tokens_from_ids(*bench_.model, {kTexts[d].begin() + static_cast<std::ptrdiff_t>(first),
                                            kTexts[d].begin() + static_cast<std::ptrdiff_t>(end)});
        const auto found = bench_.context.activations(tokens, {post, pre});
        for (std::size_t p = first; p < end; ++p) {
          const auto row = static_cast<std::int64_t>(p - first);
          if (p > 0)
            rows.push_back({found.at(post)[0][row][neuron].item<double>(),
                            static_cast<std::int64_t>(d), static_cast<std::int64_t>(p),
                            kTexts[d][p], found.at(pre)[0][row].to(at::kDouble)});
        }
      }
    return rows;
  }
  std::string refusal(const Settings& given) {
    return message_of<UsageError>([&] { explore(bench_, given); });
  }

  TempDir folder_;
  ExplorerBench bench_{random_model(small_gpt2_spec(), 5, at::kFloat, 0.3),
                       {3, 17, 5, 5, 11, 0, 23}};
};

bool higher(double a, double b) {
  return a > b;
}

TEST_F(ExplorerOfText, TopExamplesAreTheLargestOfAllTokens) {
  const Dataset found = measure({{"examples", "6"}, {"distinct", "false"}});
  expect_receipts_hold(found);
  auto rows = rows_of(2, 39);
  ASSERT_EQ(rows.size(), 15U) << "20 tokens of 5 documents";
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.activation > b.activation; });
  std::vector<std::int64_t> tokens;
  std::vector<at::Tensor> streams, all;
  for (const auto& row : rows_of(2, 39)) all.push_back(row.stream);
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto& row = rows[static_cast<std::size_t>(i)];
    EXPECT_EQ(value_at(found, "top_activation", {1, i}), row.activation);
    EXPECT_EQ(value_at(found, "top_document", {1, i}), static_cast<double>(row.document));
    EXPECT_EQ(value_at(found, "top_position", {1, i}), static_cast<double>(row.position));
    EXPECT_EQ(value_at(found, "top_token", {1, i}), static_cast<double>(row.token));
    tokens.push_back(row.token);
    streams.push_back(row.stream - at::stack(all).mean(0));
  }
  std::map<std::int64_t, double> counts;
  for (const std::int64_t token : tokens) ++counts[token];
  double entropy = 0;
  for (const auto& [token, count] : counts) entropy -= count / 6 * std::log(count / 6);
  EXPECT_NEAR(value_at(found, "type_entropy", {1}), entropy, 1e-12);
  double cosines = 0;
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < i; ++j)
      cosines +=
          (streams[i].dot(streams[j]) / streams[i].norm() / streams[j].norm()).item<double>();
  EXPECT_NEAR(value_at(found, "context_spread", {1}), 1 - cosines / 15, 1e-9);
}

TEST_F(ExplorerOfText, DistinctKeepsTheBestOfEachDocument) {
  const Dataset found = measure({{"examples", "20"}});
  // One document has only its first token.
  ASSERT_EQ(found["top_activation"].tensor.size(1), 4);
  std::map<std::int64_t, double> best;
  for (const auto& row : rows_of(0, 3)) {
    const auto at = best.try_emplace(row.document, row.activation).first;
    at->second = std::max(at->second, row.activation);
  }
  std::vector<double> expected;
  for (const auto& [document, activation] : best) expected.push_back(activation);
  std::sort(expected.begin(), expected.end(), higher);
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(value_at(found, "top_activation", {0, i}), expected[static_cast<std::size_t>(i)]);
}

TEST_F(ExplorerOfText, QuantilesAreEqualPartsOfTheTokens) {
  const Dataset found = measure({{"quantiles", "3"}});
  ASSERT_EQ(found["quantile_activation"].tensor.sizes(), (std::vector<std::int64_t>{3, 3, 5}));
  std::vector<double> sorted;
  for (const auto& row : rows_of(2, 0)) sorted.push_back(row.activation);
  std::sort(sorted.begin(), sorted.end());
  // 15 tokens, fewer than are drawn: each part has five, and all are shown.
  for (std::int64_t q = 0; q < 3; ++q)
    for (std::int64_t i = 0; i < 5; ++i)
      EXPECT_EQ(value_at(found, "quantile_activation", {2, q, i}),
                sorted[static_cast<std::size_t>(5 * q + i)]);
  EXPECT_NEAR(found["quantile"].tensor[0].item<double>(), 1.0 / 3, 1e-12);
}

TEST_F(ExplorerOfText, QuantilesTogetherAreAllTokensIfTheyDoNotDivide) {
  const Dataset found = measure({{"quantiles", "4"}});
  std::vector<double> sorted;
  for (const auto& row : rows_of(2, 0)) sorted.push_back(row.activation);
  std::sort(sorted.begin(), sorted.end());
  // 15 tokens in parts of 3, 4, 4 and 4, of which three are shown, the smallest and the largest of
  // each part among them.
  ASSERT_EQ(found["quantile_activation"].tensor.sizes(), (std::vector<std::int64_t>{3, 4, 3}));
  EXPECT_EQ(value_at(found, "quantile_activation", {2, 0, 0}), sorted.front());
  EXPECT_EQ(value_at(found, "quantile_activation", {2, 1, 0}), sorted[3]);
  EXPECT_EQ(value_at(found, "quantile_activation", {2, 1, 2}), sorted[6]);
  EXPECT_EQ(value_at(found, "quantile_activation", {2, 3, 2}), sorted.back());
}

TEST_F(ExplorerOfText, ScaleEffectIsThatOfAnIntervention) {
  const Dataset found = measure({{"metric", "log_probability"}, {"target", "7"}});
  InterventionSite site;
  site.hook = "blocks.2.mlp.hook_post";
  site.neurons = {39};
  const auto changed = with_interventions(bench_.model, {{site, ScaleBy{2.0}}});
  const auto log_probability = [&](const Model& model) {
    return model.forward(make_batch(bench_.tokens))
        .logits[0][6]
        .to(at::kDouble)
        .log_softmax(0)[7]
        .item<double>();
  };
  EXPECT_NEAR(value_at(found, "scale_effect", {1, 1}),
              log_probability(*changed) - log_probability(*bench_.model), 1e-5);
}

TEST_F(ExplorerOfText, TokensAreReadFromTheWeights) {
  const Dataset found = measure({{"top_k", "3"}});
  const Model& model = *bench_.model;
  const at::Tensor w_u = model.unembedding().weight.to(at::kDouble);
  const at::Tensor gain = model.weight("ln_final.w").to(at::kDouble);
  const at::Tensor row = model.weight("blocks.2.mlp.W_out")[39].to(at::kDouble);
  const at::Tensor logits = w_u.matmul((row - row.mean()) * gain);
  EXPECT_EQ(value_at(found, "output_top_id", {1, 0, 0}), logits.argmax().item<double>());
  EXPECT_EQ(value_at(found, "output_top_id", {1, 1, 0}), logits.argmin().item<double>());
  EXPECT_NEAR(value_at(found, "output_top_value", {1, 0, 0}), logits.max().item<double>(), 1e-9);
  const at::Tensor column = model.weight("blocks.2.mlp.W_in").select(1, 39).to(at::kDouble) *
                            model.weight("blocks.2.ln2.w").to(at::kDouble);
  const at::Tensor read = model.weight("embed.W_E").to(at::kDouble).matmul(column - column.mean());
  EXPECT_EQ(value_at(found, "input_top_id", {1, 0, 0}), read.argmax().item<double>());
  EXPECT_NEAR(value_at(found, "input_top_value", {1, 1, 0}), read.min().item<double>(), 1e-9);
}

TEST_F(ExplorerOfText, TheTextIsReadOnceForAllPrompts) {
  const Dataset first = measure();
  bench_.tokens = tokens_from_ids(*bench_.model, {4, 4, 9});
  const Dataset second = measure();
  EXPECT_TRUE(at::equal(first["top_activation"].tensor, second["top_activation"].tensor));
  EXPECT_EQ(second["activation"].tensor.size(1), 3);
}

TEST_F(ExplorerOfText, RefusesNeuronsThatDoNotExist) {
  EXPECT_THAT(refusal({{"neurons", "3:0"}}), AllOf(HasSubstr("3:0"), HasSubstr("blocks 0 to 2")));
  EXPECT_THAT(refusal({{"neurons", "0:40"}}), HasSubstr("neurons 0 to 39"));
  EXPECT_THAT(refusal({{"neurons", "0-4"}}), HasSubstr("BLOCK:INDEX"));
  EXPECT_THAT(refusal({{"neurons", "0:4,0:4"}}), HasSubstr("twice"));
  EXPECT_THAT(refusal({{"interpolate", "0:4"}}), HasSubstr("expected two"));
  ExplorerBench one(bench_.model, {3});
  EXPECT_THAT(message_of<UsageError>([&] {
                explore(one, {{"neurons", "0:1"}});
              }),
              HasSubstr("exclude_first=false"));
}

TEST(TypeEntropy, OfHandExamples) {
  EXPECT_DOUBLE_EQ(type_entropy({5, 5, 5}), 0);
  EXPECT_NEAR(type_entropy({1, 2, 3, 4}), std::log(4.0), 1e-12);
  EXPECT_NEAR(type_entropy({1, 1, 1, 2}), 0.75 * std::log(4.0 / 3) + 0.25 * std::log(4.0), 1e-12);
}

TEST(SpreadOfRows, OfHandExamples) {
  const at::Tensor mean = at::tensor({1.0, 0.0}, at::kDouble);
  const auto rows = [](std::vector<double> values) {
    return at::tensor(values, at::kDouble).view({-1, 2});
  };
  EXPECT_NEAR(spread_of_rows(rows({2, 0, 5, 0}), mean), 0, 1e-12) << "one direction";
  EXPECT_NEAR(spread_of_rows(rows({2, 0, 1, 3}), mean), 1, 1e-12) << "right angles";
  EXPECT_NEAR(spread_of_rows(rows({2, 0, 0, 0}), mean), 2, 1e-12) << "opposite";
  EXPECT_TRUE(std::isnan(spread_of_rows(rows({2, 0, 1, 0}), mean))) << "one is the mean itself";
}

}  // namespace
}  // namespace lensbench::neurons
