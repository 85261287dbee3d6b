#include "jacobian_lens/fit.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/stack.h>

#include <lensbench/gradients.hpp>
#include <lensbench/tensor_file.hpp>

#include "checkpoint/weights/safetensors.hpp"
#include "jacobian_fixture.hpp"
#include "jacobian_lens/receipts.hpp"
#include "support/contexts.hpp"
#include "support/embedded_model.hpp"

namespace lensbench::jacobian {
namespace {

/// The reference has every `step`-th row.
struct Reference {
  std::string name, folder;
  std::int64_t step;
};

class JacobiansOfPrompts : public ::testing::TestWithParam<Reference> {};

// tests/parity/jacobian_lens_reference.py, float64: what is left is the rounding of float32.
TEST_P(JacobiansOfPrompts, AreThoseOfTransformerLens) {
  const TensorFile file(testing::data_folder() + "/jacobian_lens/" + GetParam().name +
                        ".safetensors");
  const at::Tensor ids = file.read("ids");
  std::vector<std::vector<std::int64_t>> texts;
  texts.reserve(static_cast<std::size_t>(ids.size(0)));
  for (std::int64_t i = 0; i < ids.size(0); ++i)
    texts.emplace_back(ids[i].data_ptr<std::int64_t>(),
                       ids[i].data_ptr<std::int64_t>() + ids.size(1));
  const testing::TempDir folder;
  JacobianLensFit fit;
  fit.text = folder.write("text.jsonl", documents(texts));
  fit.skip_first = 3;
  LensBench bench(Model::open(GetParam().folder), texts.front());
  const Dataset found = bench.tool.fit(bench.tokens, fit, {.top_k = 3});
  testing::expect_receipts_hold(found, 3);
  const at::Tensor wanted = file.read("jacobian").to(at::kDouble);
  const at::Tensor all = found["jacobian"].tensor.narrow(0, 0, wanted.size(0));
  const at::Tensor own = all.index_select(1, at::arange(0, all.size(1), GetParam().step));
  EXPECT_LT((own.to(at::kDouble) - wanted).norm().item<double>(),
            1e-5 * wanted.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(
    Models, JacobiansOfPrompts,
    ::testing::Values(Reference{"gpt2", testing::data_folder() + "/models/gpt2", 1},
                      Reference{"llama", testing::data_folder() + "/models/llama", 1},
                      Reference{"kjv", testing::kModel, 16}),
    [](const auto& test) { return test.param.name; });

class Fits : public ::testing::Test {
 protected:
  Dataset fit(RunServices* run = nullptr) {
    LensBench bench(sample("gpt2"), {3, 17, 5, 9});
    if (run != nullptr) ContextAccess::connect(bench.context, run);
    Dataset found = bench.tool.fit(bench.tokens, fit_, {});
    ContextAccess::connect(bench.context, nullptr);
    return found;
  }
  testing::TempDir folder_;
  JacobianLensFit fit_{.text = folder_.write("text.jsonl", documents({{1, 2, 3, 4, 5, 6, 7},
                                                                      {9, 8, 7},
                                                                      {3, 17, 5, 9, 11, 17},
                                                                      {2, 4, 6, 8, 10, 12}})),
                       .skip_first = 2};
};

TEST_F(Fits, DoNotDependOnTheRowsOfABackwardPass) {
  const at::Tensor eight = fit()["jacobian"].tensor;
  fit_.seed_batch = 5;
  EXPECT_LT(largest_difference(fit()["jacobian"].tensor, eight), 1e-6);
  fit_.seed_batch = 1000;
  EXPECT_LT(largest_difference(fit()["jacobian"].tensor, eight), 1e-6);
}

TEST_F(Fits, LeaveShortWindowsOutAndSaySo) {
  const Dataset found = fit();
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("prompts")), 3);
  EXPECT_EQ(std::get<std::int64_t>(found.attributes.at("windows_too_short")), 1);
}

TEST_F(Fits, AfterAnotherOneOfTheCaseAreThoseOfTheirOwnSettingsAndText) {
  LensBench bench(sample("gpt2"), {3, 17, 5, 9});
  const auto of_one_case = [&] { return bench.tool.fit(bench.tokens, fit_, {}); };
  of_one_case();
  fit_.skip_first = 1;
  testing::expect_equal(of_one_case(), fit());
  fit_.layers = {1};
  testing::expect_equal(of_one_case(), fit());
  folder_.write("text.jsonl", documents({{9, 8, 7, 6, 5}, {3, 17, 5, 9, 11, 17}}));
  testing::expect_equal(of_one_case(), fit());
}

TEST_F(Fits, GoOnAfterAnInterruptionWithTheSameBits) {
  const Dataset whole = fit();
  for (const std::int64_t prompts : {1, 2}) {
    StoppedFit stopped(prompts), resumed(100);
    EXPECT_THAT(message_of<RunError>([&] { fit(&stopped); }), HasSubstr("--resume"));
    resumed.states = stopped.states;
    testing::expect_equal(fit(&resumed), whole);
  }
}

TEST_F(Fits, HaveTheErrorOfTheirMean) {
  // From the Jacobians of the prompts, one by one.
  const auto model = sample("gpt2");
  std::vector<at::Tensor> each;
  const std::vector<std::vector<std::int64_t>> prompts = {
      {1, 2, 3, 4, 5, 6, 7}, {3, 17, 5, 9, 11, 17}, {2, 4, 6, 8, 10, 12}};
  for (const auto& ids : prompts)
    each.push_back(jacobians_of(*model, tokens_from_ids(*model, ids), {0}, 2, 8).front());
  const at::Tensor all = at::stack(each), mean = all.mean(0);
  const double variance = (all - mean).square().sum().item<double>() / 2;
  const Dataset found = fit();
  EXPECT_NEAR(testing::value_at(found, "fit_se", {0}),
              std::sqrt(variance / 3) / mean.norm().item<double>(), 1e-9);
  EXPECT_TRUE(std::isnan(testing::value_at(found, "fit_se", {1})));
}

TEST_F(Fits, ThatWereStoredReadAsThoseThatWereMade) {
  const Dataset made = fit();
  const std::int64_t width = made["jacobian"].tensor.size(1);
  write_safetensors(folder_ / "lens.safetensors",
                    std::map<std::string, at::Tensor>{{"J.0", made["jacobian"].tensor[0]}});
  LensBench bench(sample("gpt2"), {3, 17, 5, 9});
  const Dataset read = bench.tool.read(bench.tokens, folder_ / "lens.safetensors", {});
  for (const char* name : {"top_id", "target_logit", "kl_final_to_layer", "shift"})
    EXPECT_TRUE(read[name].tensor.equal(made[name].tensor)) << name;
  EXPECT_EQ(width, 24);
}

TEST_F(Fits, WithoutALongWindowAreRefused) {
  fit_.skip_first = 9;
  EXPECT_THAT(message_of<UsageError>([&] { fit(); }), HasSubstr("more than skip_first + 1 = 10"));
}

TEST(JacobianReceipts, FailForOtherMatrices) {
  const auto model = sample("gpt2");
  const Tokens tokens = tokens_from_ids(*model, {3, 17, 5, 9, 11, 17, 2, 4});
  std::vector<at::Tensor> matrices = jacobians_of(*model, tokens, {0}, 2, 8);
  const auto difference = [&] { return direction_difference(*model, tokens, {0}, matrices, 2, 0); };
  EXPECT_TRUE(direction_receipt(difference(), false).passed) << difference();
  matrices.front().mul_(1.02);
  EXPECT_FALSE(direction_receipt(difference(), false).passed);
  EXPECT_TRUE(identity_receipt(identity_difference(*model, tokens, 2, 8)).passed);
  EXPECT_FALSE(identity_receipt(1e-9).passed);
}

class LensFiles : public ::testing::Test {
 protected:
  std::string refusal_of_file(const std::map<std::string, at::Tensor>& tensors) {
    write_safetensors(folder_ / "lens.safetensors", tensors);
    return message_of<InputError>(
        [&] { bench_.tool.read(bench_.tokens, folder_ / "lens.safetensors", {}); });
  }
  std::string refusal(const Settings& settings) {
    return message_of<UsageError>(
        [&] { bench_.tool.check_parameters(bench_.tool.parameters(settings)); });
  }
  testing::TempDir folder_;
  LensBench bench_{sample("gpt2"), {3, 17, 5, 9}};
};

TEST_F(LensFiles, OfOtherModelsOrFormatsAreRefused) {
  using Tensors = std::map<std::string, at::Tensor>;
  EXPECT_THAT(refusal_of_file(Tensors{{"J.0", at::eye(25)}}), HasSubstr("J.0"));
  EXPECT_THAT(refusal_of_file(Tensors{{"J.0", at::eye(24)}, {"J.7", at::eye(24)}}),
              HasSubstr("expected matrices J.0 to J.1 and nothing else, found 2 tensors, 1"));
  EXPECT_THAT(refusal_of_file(Tensors{{"x", at::eye(24)}}), HasSubstr("expected matrices"));
  EXPECT_THAT(message_of<InputError>(
                  [&] { bench_.tool.read(bench_.tokens, folder_.write("lens.pt", "x"), {}); }),
              HasSubstr("weights_only=True"));
}

TEST_F(LensFiles, AndTextsBelongToTheirModes) {
  const std::string text = folder_.write("t.jsonl", documents({{1, 2, 3}}));
  EXPECT_THAT(refusal({}), HasSubstr("mode=use needs lens"));
  EXPECT_THAT(refusal({{"mode", "fit"}}), HasSubstr("a fit needs text"));
  EXPECT_THAT(refusal({{"mode", "fit"}, {"text", text}, {"lens", text}}),
              HasSubstr("leave lens out"));
  EXPECT_THAT(refusal({{"lens", text}, {"text", text}}), HasSubstr("leave text out"));
  EXPECT_THAT(refusal({{"mode", "fit"}, {"text", text}, {"skip_first", "47"}}),
              HasSubstr("leaves 0 positions of a window of 48 tokens"));
  EXPECT_THAT(refusal({{"mode", "fit"}, {"text", text}, {"skip_first", "0"}, {"layers", "2"}}),
              HasSubstr("layer 2 cannot be fitted; give layers from 1 to 1"));
}

}  // namespace
}  // namespace lensbench::jacobian
