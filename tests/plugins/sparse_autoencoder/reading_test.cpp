// Dictionaries in a model: receipts, identities, and what is refused.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <filesystem>

#include "sae_fixture.hpp"

namespace lensbench::dictionaries {
namespace {

namespace fs = std::filesystem;

class Kinds : public ::testing::TestWithParam<std::string> {};

TEST_P(Kinds, HoldTheirReceiptsInAModel) {
  SaeBench bench;
  const Dataset found = bench.tool.read(bench.tokens, reference_folder(GetParam()), Target::model(),
                                        {.splice = true, .attribute = true});
  testing::expect_receipts_hold(found, 5);
  EXPECT_NEAR(testing::value_at(found, "explained_variance"), 1 - testing::value_at(found, "fvu"),
              1e-12);
  EXPECT_GT(testing::value_at(found, "kl_with_zero"), 0);
}

INSTANTIATE_TEST_SUITE_P(All, Kinds,
                         ::testing::Values("standard", "layer_norm", "topk_rescaled", "jumprelu",
                                           "gated", "transcoder", "skip_transcoder"),
                         [](const auto& test) { return test.param; });

/// A dictionary of the sample model that rebuilds every row: features along e and -e.
class ExactSae : public ::testing::Test {
 protected:
  std::string folder(const std::string& more = "") {
    const at::Tensor half = at::eye(24), decoder = at::cat({half, -half});
    write_safetensors(folder_ / "sae_weights.safetensors",
                      std::map<std::string, at::Tensor>{{"W_dec", decoder},
                                                        {"W_enc", decoder.t().contiguous()},
                                                        {"b_enc", at::zeros({48})},
                                                        {"b_dec", at::zeros({24})}});
    folder_.write(
        "cfg.json",
        R"({"architecture": "standard", "d_in": 24, "d_sae": 48, "apply_b_dec_to_input": true,)"
        R"( "metadata": {"hook_name": "blocks.0.hook_resid_post"})" +
            more + "}");
    return folder_.path().string();
  }
  std::string refusal(const std::string& config) {
    const std::string path = folder();
    folder_.write("cfg.json", config);
    return message_of<InputError>(
        [&] { bench_.tool.read(bench_.tokens, path, Target::model(), {}); });
  }
  testing::TempDir folder_;
  SaeBench bench_;
};

TEST_F(ExactSae, GivesTheRowsOfItsDecoder) {
  const at::Tensor half = at::eye(24);
  const Dataset found = bench_.tool.read(bench_.tokens, folder(), Target::model(), {});
  EXPECT_TRUE(at::equal(found["decoder"].tensor, at::cat({half, -half})));
}

TEST_F(ExactSae, ChangesNothingWhenItIsSplicedIn) {
  for (const char* center : {"false", "true"}) {
    const Dataset found = bench_.tool.read(bench_.tokens, folder(), Target::model(),
                                           {.center = center, .splice = true, .attribute = true});
    testing::expect_receipts_hold(found, 5);
    EXPECT_LT(testing::value_at(found, "fvu"), 1e-12);
    // Sums of float32 rows and logits round.
    EXPECT_LT(testing::value_at(found, "kl_with_sae"), 1e-7);
    EXPECT_NEAR(testing::value_at(found, "kl_score"), 1, 1e-6);
    EXPECT_NEAR(testing::value_at(found, "ce_with_sae"), testing::value_at(found, "ce_model"),
                1e-5);
    EXPECT_LT(found["error_attribution"].tensor.abs().max().item<double>(), 1e-6);
  }
}

TEST_F(ExactSae, MeasuresATextInsteadOfThePrompt) {
  const std::string text =
      folder_.write("text.jsonl", "{\"ids\": [3, 17, 5]}\n{\"ids\": [1, 2, 9, 4]}\n");
  const Dataset found = bench_.tool.read(bench_.tokens, folder(), Target::model(), {.text = text});
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("rows")), 7);
  EXPECT_EQ(found["feature_id"].tensor.size(0), 8);
  // Each coordinate has one sign, so one feature of its two is active in each row.
  EXPECT_EQ(testing::value_at(found, "mean_l0"), 24);
}

TEST_F(ExactSae, ShowsWhereAGivenFeatureIsActive) {
  const std::string text =
      folder_.write("text.jsonl", "{\"ids\": [3, 17, 5]}\n{\"ids\": [1, 2, 9, 4]}\n");
  const Dataset found =
      bench_.tool.read(bench_.tokens, folder(), Target::model(),
                       {.text = text, .feature = {5, 29}, .examples = 2, .splice = true});
  // Feature 5 is the positive part of coordinate 5, feature 29 its negative part.
  const at::Tensor given = found["given_activation"].tensor;
  const at::Tensor row = bench_.context.activations(bench_.tokens, {"blocks.0.hook_resid_post"})
                             .at("blocks.0.hook_resid_post")[0]
                             .select(1, 5);
  EXPECT_LT(largest_difference(given.select(1, 0) - given.select(1, 1), row), 1e-6);
  EXPECT_TRUE((given.select(1, 0) * given.select(1, 1)).eq(0).all().item<bool>());
  // The two largest values of coordinate 5 in the text; those of feature 29 follow.
  std::vector<at::Tensor> columns;
  columns.reserve(2);
  for (const std::vector<std::int64_t>& ids : {std::vector<std::int64_t>{3, 17, 5}, {1, 2, 9, 4}})
    columns.push_back(
        bench_.context
            .activations(tokens_from_ids(*bench_.model, ids), {"blocks.0.hook_resid_post"})
            .at("blocks.0.hook_resid_post")[0]
            .select(1, 5));
  const at::Tensor wanted = std::get<0>(at::topk(at::cat(columns).relu(), 2));
  EXPECT_EQ(found["example_activation"].tensor.size(0), 4);
  EXPECT_LT(largest_difference(found["example_activation"].tensor.narrow(0, 0, 2), wanted), 1e-6);
  // Taking the larger part of a coordinate out changes the model.
  EXPECT_GT(found["kl_without_feature"].tensor.max().item<double>(), 0);
}

TEST_F(ExactSae, TakesAFeatureOutOfTheActivationOrOfItsReconstruction) {
  // The dictionary rebuilds every row, so that both are the same.
  const auto without = [&](bool error_term) {
    return bench_.tool
        .read(bench_.tokens, folder(), Target::model(),
              {.feature = {3}, .splice = true, .error_term = error_term})["ce_without_feature"]
        .tensor.item<double>();
  };
  EXPECT_NEAR(without(true), without(false), 1e-6);
}

TEST_F(ExactSae, NamesTheFieldThatItCannotFollow) {
  EXPECT_THAT(refusal("["), HasSubstr("is not a JSON object"));
  EXPECT_THAT(refusal(R"({"architecture": "temporal", "d_in": 24, "d_sae": 48})"),
              HasSubstr("field architecture is 'temporal'"));
  EXPECT_THAT(
      refusal(
          R"({"architecture": "standard", "d_in": 24, "d_sae": 48, "activation_fn_str": "topk"})"),
      HasSubstr("before version 6"));
  EXPECT_THAT(refusal(R"({"architecture": "standard", "d_in": 24})"), HasSubstr("field d_sae"));
  EXPECT_THAT(refusal(R"({"architecture": "standard", "d_in": 24, "d_sae": 47})"),
              HasSubstr("W_enc"));
  EXPECT_THAT(refusal(R"({"architecture": "topk", "d_in": 24, "d_sae": 48})"),
              HasSubstr("field k"));
  EXPECT_THAT(refusal(R"({"architecture": "standard", "d_in": 24, "d_sae": 48,)"
                      R"( "normalize_activations": "expected_average_only_in"})"),
              HasSubstr("fold_activation_norm_scaling_factor"));
}

TEST_F(ExactSae, NeedsAPointOfItsWidth) {
  const auto read = [&](const std::string& hook) {
    bench_.tool.read(bench_.tokens, folder(), Target::model(), {.hook = hook});
  };
  EXPECT_THAT(message_of<InputError>([&] { read("blocks.0.mlp.hook_post"); }), HasSubstr("24"));
  EXPECT_THAT(message_of<UsageError>([&] { read("blocks.*.hook_resid_post"); }),
              HasSubstr("2 hook points"));
  EXPECT_THROW(read("blocks.7.hook_resid_post"), UsageError);
}

TEST_F(ExactSae, RefusesOptionsThatContradictEachOther) {
  const auto refused = [&](const SparseAutoencoderOptions& options) {
    return message_of<UsageError>(
        [&] { bench_.tool.read(bench_.tokens, folder(), Target::model(), options); });
  };
  EXPECT_THAT(refused({.top_features = 0}), HasSubstr("top_features is 0, expected at least 1"));
  EXPECT_THAT(refused({.feature = {48}}), HasSubstr("feature is 48, expected 0 to 47"));
  EXPECT_THAT(refused({.error_term = false}), HasSubstr("give splice=true and feature"));
  EXPECT_THAT(refused({.versus = Target::next()}), HasSubstr("attribute=true"));
  EXPECT_THAT(refused({.center = "perhaps"}), HasSubstr("center is 'perhaps'"));
}

TEST_F(ExactSae, RefusesWhatIsNotADictionary) {
  const auto refused = [&](const std::string& sae) {
    return message_of<InputError>(
        [&] { bench_.tool.read(bench_.tokens, sae, Target::model(), {}); });
  };
  EXPECT_THAT(refused(folder_ / "none"), HasSubstr("is not a folder"));
  EXPECT_THAT(refused(folder_.path().string()), HasSubstr("cfg.json"));
}

}  // namespace
}  // namespace lensbench::dictionaries
