// What must hold whatever the weights, and what is refused.
#include "residual_geometry/residual_geometry.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/linear_algebra.hpp>
#include <lensbench/streaming_statistics.hpp>
#include <lensbench/weight_changes.hpp>
#include <map>

#include "checkpoint/weights/safetensors.hpp"
#include "residual_geometry/capacity.hpp"
#include "residual_geometry/result.hpp"
#include "residual_geometry/spread.hpp"
#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench::geometry {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::sample_folder;
using lensbench::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Bench = lensbench::testing::ToolBench<ResidualGeometryTool>;

const std::vector<std::int64_t> kIds = {3, 17, 5, 5, 11, 0, 23};

Dataset run_with(Bench& bench, const std::map<std::string, std::string>& given = {}) {
  const Parameters parameters =
      Parameters::resolve(ResidualGeometryTool::kParameters, given, "tool 'residual_geometry'");
  bench.tool.check_parameters(parameters);
  return bench.tool.run(Request(bench.tokens, parameters));
}

class Geometry : public ::testing::Test {
 protected:
  at::Tensor read(const std::string& hook) {
    return bench_.context.activations(bench_.tokens, {hook}).at(hook)[0].to(at::kDouble);
  }
  std::string refusal(const std::map<std::string, std::string>& given) {
    return message_of<UsageError>([&] { run_with(bench_, given); });
  }
  Bench bench_{random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), kIds};
};

TEST_F(Geometry, NormsAreThoseOfTheRawStream) {
  const Dataset dataset = run_with(bench_);
  const at::Tensor before = read("blocks.0.hook_resid_pre"),
                   after = read("blocks.0.hook_resid_post");
  EXPECT_LT(largest_difference(dataset["norm"].tensor[0], before.norm(2, -1)), 1e-12);
  EXPECT_LT(largest_difference(dataset["movement"].tensor[0],
                               (after - before).norm(2, -1) / before.norm(2, -1)),
            1e-12);
  EXPECT_EQ(dataset["norm"].tensor.sizes(), (std::vector<std::int64_t>{4, 7}));
  EXPECT_EQ(dataset["movement"].tensor.sizes(), (std::vector<std::int64_t>{3, 7}));
}

TEST_F(Geometry, ComponentsAndHeadsAreThoseOfTheForward) {
  const Dataset dataset = run_with(bench_);
  for (const Receipt& receipt : dataset.receipts)
    EXPECT_TRUE(receipt.passed) << receipt.name << " " << receipt.value;
  EXPECT_EQ(dataset["component"].strings.front(), "embed");
  EXPECT_EQ(dataset["component"].strings.size(), 8u);
  const at::Tensor x = read("blocks.2.hook_resid_post"), c = read("blocks.1.hook_mlp_out");
  EXPECT_LT(
      largest_difference(dataset["component_share"].tensor[5], (c * x).sum(-1) / (x * x).sum(-1)),
      1e-12);
  EXPECT_LT(largest_difference(dataset["component_share"].tensor.sum(0), at::ones({7})), 1e-4);
  // The heads' results are float32 products.
  EXPECT_LT(largest_difference(dataset["write_share"].tensor[1],
                               read("blocks.1.attn.hook_result").norm(2, -1).t() /
                                   read("blocks.1.hook_resid_pre").norm(2, -1)),
            1e-6);
  const at::Tensor ratio =
      (read("blocks.1.hook_attn_out").norm(2, -1) + c.norm(2, -1)) /
      (read("blocks.1.hook_resid_post") - read("blocks.1.hook_resid_pre")).norm(2, -1);
  EXPECT_LT(largest_difference(dataset["write_ratio"].tensor[1], ratio), 1e-12);
}

TEST_F(Geometry, TheSpreadLeavesTheFirstTokenOut) {
  // A first token of a length of its own, as many models have: 1000 times the others'.
  at::Tensor positions = bench_.model->weight("pos_embed.W_pos").clone();
  positions[0][4] = 1000;
  Bench bench(with_weights(bench_.model, {{"pos_embed.W_pos", positions}}), kIds);
  const Dataset without = run_with(bench), with = run_with(bench, {{"exclude_first", "false"}});
  EXPECT_EQ(without["rows"].tensor[0].item<std::int64_t>(), 6);
  EXPECT_EQ(with["rows"].tensor[0].item<std::int64_t>(), 7);
  EXPECT_EQ(with["outlier_dimension"].tensor[0][0].item<int>(), 4);
  EXPECT_GT(with["outlier_share"].tensor[0][0].item<double>(), 0.99);
  EXPECT_LT(without["outlier_share"].tensor[0][0].item<double>(), 0.5);
  EXPECT_LT(with["participation_ratio"].tensor[0].item<double>(), 1.01);
  EXPECT_GT(without["participation_ratio"].tensor[0].item<double>(), 2);
}

TEST_F(Geometry, ARogueDimensionRulesTheCosineAndIsListed) {
  at::Tensor positions = bench_.model->weight("pos_embed.W_pos").clone();
  positions.select(1, 9).fill_(1000);
  Bench bench(with_weights(bench_.model, {{"pos_embed.W_pos", positions}}), kIds);
  const Dataset dataset = run_with(bench);
  EXPECT_GT(dataset["anisotropy"].tensor[0].item<double>(), 0.999);
  EXPECT_LT(dataset["anisotropy_centred"].tensor[0].item<double>(), 0.1);
  EXPECT_EQ(dataset["outlier_dimension"].tensor[0][0].item<int>(), 9);
  EXPECT_GT(dataset["outlier_share"].tensor[0][0].item<double>(), 0.999);
}

TEST_F(Geometry, FewerRowsThanDimensionsBoundTheRanks) {
  const Dataset dataset = run_with(bench_);
  for (std::int64_t layer = 0; layer < 4; ++layer) {
    const double rows = dataset["rows"].tensor.to(at::kDouble)[layer].item<double>();
    EXPECT_LT(dataset["participation_ratio"].tensor[layer].item<double>(), rows);
    EXPECT_LT(dataset["effective_rank"].tensor[layer].item<double>(), rows);
  }
  // 6 rows have 5 directions; the 6th of the 10 listed has no variance and is not determined.
  EXPECT_LT(dataset["explained_variance"].tensor[2][5].item<double>(), 1e-12);
  EXPECT_EQ(dataset["degenerate"].tensor[2][5].item<int>(), 1);
}

TEST_F(Geometry, OfATextIsThatOfItsRowsInFloat64) {
  TempDir folder;
  const std::vector<std::vector<std::int64_t>> documents = {
      {3, 17, 5, 5, 8}, {1, 2}, {9}, {8, 30, 31, 32, 33, 7}};
  const auto text = folder.write("t.jsonl",
                                 "{\"ids\": [3,17,5,5,8]}\n{\"ids\": [1,2]}\n{\"ids\": [9]}\n"
                                 "{\"ids\": [8,30,31,32,33,7]}\n");
  const Dataset dataset = run_with(bench_, {{"text", text.string()},
                                            {"points", "resid_post,mlp_out"},
                                            {"store_directions", "true"},
                                            {"principal", "3"}});
  std::vector<at::Tensor> rows;
  std::vector<int> owner;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    const Tokens tokens = tokens_from_ids(*bench_.model, documents[d]);
    const at::Tensor x = bench_.context.activations(tokens, {"blocks.1.hook_resid_post"})
                             .at("blocks.1.hook_resid_post")[0]
                             .to(at::kDouble);
    for (std::int64_t t = 1; t < x.size(0); ++t) {
      rows.push_back(x[t]);
      owner.push_back(static_cast<int>(d));
    }
  }
  const at::Tensor all = at::stack(rows), centred = all - all.mean(0);
  EXPECT_EQ(dataset["rows"].tensor[2].item<std::int64_t>(), 10);
  double raw_sum = 0, centred_sum = 0, count = 0;
  for (std::int64_t i = 0; i < all.size(0); ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      if (owner[static_cast<std::size_t>(i)] == owner[static_cast<std::size_t>(j)]) continue;
      raw_sum += (all[i].dot(all[j]) / all[i].norm() / all[j].norm()).item<double>();
      centred_sum +=
          (centred[i].dot(centred[j]) / centred[i].norm() / centred[j].norm()).item<double>();
      ++count;
    }
  // Documents come in another order, so float32 forwards are equal and float64 sums nearly so.
  EXPECT_NEAR(dataset["anisotropy"].tensor[2].item<double>(), raw_sum / count, 1e-9);
  EXPECT_NEAR(dataset["anisotropy_centred"].tensor[2].item<double>(), centred_sum / count, 1e-9);
  const at::Tensor s = std::get<1>(at::linalg_svd(centred)).pow(2) / 9;
  EXPECT_NEAR(dataset["total_variance"].tensor[2].item<double>(), s.sum().item<double>(), 1e-9);
  EXPECT_NEAR(dataset["participation_ratio"].tensor[2].item<double>(),
              (s.sum().pow(2) / s.pow(2).sum()).item<double>(), 1e-9);
  EXPECT_LT(
      largest_difference(dataset["explained_variance"].tensor[2], s.narrow(0, 0, 3) / s.sum()),
      1e-10);
  const at::Tensor direction = dataset["principal_direction"].tensor[2][0];
  EXPECT_NEAR((centred.matmul(direction).pow(2).sum() / 9).item<double>(), s[0].item<double>(),
              1e-9);
  EXPECT_TRUE(dataset.contains("mlp_out_anisotropy"));
  EXPECT_EQ(dataset["mlp_out_anisotropy"].dims, (std::vector<std::string>{"block"}));
  EXPECT_EQ(dataset["norm"].tensor.size(1), 7) << "values at tokens are those of the prompt";
}

TEST_F(Geometry, WindowsOfADocumentLoseItsFirstTokenOnly) {
  TempDir folder;
  const auto text = folder.write("t.jsonl", "{\"ids\": [3,17,5,5,8,1,2]}\n{\"ids\": [9,4,4,1]}\n");
  const Dataset dataset = run_with(bench_, {{"text", text.string()}, {"window", "3"}});
  EXPECT_EQ(dataset["rows"].tensor[0].item<std::int64_t>(), 6 + 3);
}

TEST_F(Geometry, MatricesAreThoseOfTheModel) {
  const Dataset dataset = run_with(bench_, {{"matrices", "neurons,embed,unembed"}});
  EXPECT_EQ(dataset["neurons_capacity"].tensor.sizes(), (std::vector<std::int64_t>{3, 40}));
  EXPECT_LE(dataset["neurons_capacity"].tensor.sum(1).max().item<double>(), 24 + 1e-9);
  const at::Tensor w = bench_.model->weight("embed.W_E").to(at::kDouble);
  EXPECT_NEAR(dataset["embed_features_per_dimension"].tensor.item<double>(),
              (w * w).sum().item<double>() / 24, 1e-9);
  const at::Tensor unit = w[7] / w[7].norm();
  const double square = w[7].dot(w[7]).item<double>();
  EXPECT_NEAR(dataset["embed_capacity"].tensor[7].item<double>(),
              square / w.matmul(unit).pow(2).sum().item<double>(), 1e-9);
  EXPECT_TRUE(at::equal(dataset["embed_capacity"].tensor, dataset["unembed_capacity"].tensor))
      << "tied";
}

TEST_F(Geometry, AMatrixOfAFile) {
  TempDir folder;
  write_safetensors(folder / "w.safetensors", {{"decoder", at::eye(24, at::kFloat)}}, {});
  const Dataset dataset = run_with(bench_, {{"matrix_file", (folder / "w.safetensors").string()}});
  EXPECT_LT(largest_difference(dataset["matrix_capacity"].tensor, at::ones({24})), 1e-12);
  write_safetensors(folder / "v.safetensors", {{"decoder", at::eye(5, at::kFloat)}}, {});
  EXPECT_THAT(refusal({{"matrix_file", (folder / "v.safetensors").string()}}),
              AllOf(HasSubstr("'decoder'"), HasSubstr("[row, 24]")));
  write_safetensors(folder / "two.safetensors",
                    {{"a", at::eye(24, at::kFloat)}, {"b", at::eye(24, at::kFloat)}}, {});
  EXPECT_THAT(refusal({{"matrix_file", (folder / "two.safetensors").string()}}),
              HasSubstr("2 tensors, expected one"));
}

TEST_F(Geometry, OneTokenHasNoSpread) {
  Bench one(bench_.model, {3});
  const Dataset dataset = run_with(one);
  EXPECT_EQ(dataset["rows"].tensor[0].item<std::int64_t>(), 0);
  EXPECT_TRUE(std::isnan(dataset["anisotropy"].tensor[0].item<double>()));
  EXPECT_TRUE(std::isnan(dataset["outlier_share"].tensor[0][0].item<double>()));
  EXPECT_FALSE(std::isnan(dataset["norm"].tensor[0][0].item<double>()));
}

TEST_F(Geometry, AReceiptFailsForAComponentThatIsNotInTheStream) {
  InterventionSite site;
  site.hook = "blocks.1.hook_resid_post";  // a change of the stream that no component has
  Bench changed(with_interventions(bench_.model, {{site, AddValue{at::ones({24}), 1.0}}}), kIds);
  std::map<std::string, bool> passed;
  for (const Receipt& receipt : run_with(changed).receipts) passed[receipt.name] = receipt.passed;
  EXPECT_FALSE(passed.at("components_sum_to_residual_stream"));
  EXPECT_FALSE(passed.at("component_shares_sum_to_one"));
  EXPECT_TRUE(passed.at("eigenvalues_sum_to_trace"));
}

// WᵀW of a part of the rows, as a pass that ends too early gives it.
TEST_F(Geometry, AReceiptFailsForCapacitiesOfOtherRowsThanTheirSum) {
  const at::Tensor rows = bench_.model->weight("embed.W_E");
  Dataset right, wrong;
  add_capacity(right, "embed", "embed_token", capacity_of(rows));
  EXPECT_TRUE(right.receipts.at(0).passed);
  add_capacity(wrong, "embed", "embed_token", capacity_of(rows, gram_of(rows.narrow(0, 0, 26))));
  EXPECT_EQ(wrong.receipts.at(0).name, "embed_capacities_are_at_most_the_rank");
  EXPECT_FALSE(wrong.receipts.at(0).passed) << wrong.receipts.at(0).value;
}

TEST_F(Geometry, AReceiptFailsForEigenvaluesOfAnotherCovariance) {
  const auto covariance_of = [](const at::Tensor& rows) {
    statistics::StreamingCovariance covariance(24);
    covariance.add(rows);
    return covariance;
  };
  const auto here = covariance_of(read("blocks.0.hook_resid_post"));
  const auto there = covariance_of(read("blocks.1.hook_resid_post"));
  Spread spread = spread_of(here, {});
  Dataset right, wrong;
  const ResidualGeometryOptions options;
  const Point point = point_of(bench_.model->spec(), "resid_post");
  add_spread(right, point, {spread}, options);
  EXPECT_TRUE(right.receipts.at(0).passed);
  spread.trace_difference = trace_difference(
      linear_algebra::symmetric_eigen(there.covariance()).values, here.covariance());
  add_spread(wrong, point, {spread}, options);
  EXPECT_EQ(wrong.receipts.at(0).name, "eigenvalues_sum_to_trace");
  EXPECT_FALSE(wrong.receipts.at(0).passed) << wrong.receipts.at(0).value;
}

TEST(GeometryOfOthers, SaysWhatAFamilyLacks) {
  Bench bert(Model::open(sample_folder("bert")), {1, 2, 3});
  EXPECT_THAT(message_of<UsageError>([&] { run_with(bert); }),
              AllOf(HasSubstr("'bert'"), HasSubstr("components=false")));
  EXPECT_TRUE(run_with(bert, {{"components", "false"}}).contains("norm"));
  Bench olmo(Model::open(sample_folder("olmo2")), {1, 2, 3});
  const Dataset dataset = run_with(olmo);
  EXPECT_FALSE(dataset.contains("write_share"));
  EXPECT_TRUE(dataset.attributes.contains("write_share"));
  EXPECT_TRUE(dataset.contains("component_share"));
  Bench mixture(Model::open(sample_folder("mixtral")), {1, 2, 3});
  EXPECT_THAT(message_of<UsageError>([&] {
                run_with(mixture, {{"matrices", "neurons"}});
              }),
              HasSubstr("matrix_file"));
}

TEST_F(Geometry, AnEmptyTextIsAnError) {
  TempDir folder;
  const auto empty = folder.write("empty.txt", "\n");
  EXPECT_THAT(message_of<InputError>([&] {
                run_with(bench_, {{"text", empty.string()}});
              }),
              HasSubstr("empty.txt"));
}

}  // namespace
}  // namespace lensbench::geometry
