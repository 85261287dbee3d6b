#include "logit_lens/logit_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/bench.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "support/tensors.hpp"

// The reference decodes the residuals in float64 with the norms' published formulas and
// log_softmax over the whole vocabulary. Tolerance 2e-5: the lens works on float32 logits of size
// about 1, products of a few dozen terms.

namespace lensbench::lens {
namespace {

using testing::largest_difference;

constexpr double kTolerance = 2e-5;

at::Tensor final_norm64(const Model& model, const at::Tensor& residual) {
  const at::Tensor x = residual.to(at::kDouble);
  const NormSpec& norm = model.spec().norm;
  const at::Tensor gain = model.weight("ln_final.w").to(at::kDouble);
  if (norm.kind == NormKind::rms_norm)
    return x / at::sqrt(x.pow(2).mean({-1}, true) + norm.epsilon) * gain;
  const at::Tensor centred = x - x.mean({-1}, true);
  const at::Tensor scale = at::sqrt(centred.pow(2).mean({-1}, true) + norm.epsilon);
  return centred / scale * gain + model.weight("ln_final.b").to(at::kDouble);
}

at::Tensor logits64(const Model& model, const at::Tensor& normalized) {
  return at::matmul(normalized.to(at::kDouble), model.unembedding().weight.to(at::kDouble).t());
}

std::vector<std::int64_t> nine_ids(std::int64_t vocab_size) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 9; ++i) ids.push_back((i * 37 + 5) % vocab_size);
  return ids;
}

struct LensBench : testing::ToolBench<LogitLensTool> {
  explicit LensBench(const TransformerSpec& spec)
      : ToolBench(random_model(spec, 11, at::kFloat, 0.2), nine_ids(spec.vocab_size)) {}
  // [layer, pos, d_model] of the stream, the embedding first.
  at::Tensor stream() {
    std::vector<at::Tensor> layers;
    for (std::int64_t l = 0; l < model->spec().n_layers; ++l)
      layers.push_back(read("blocks." + std::to_string(l) + ".hook_resid_pre"));
    layers.push_back(
        read("blocks." + std::to_string(model->spec().n_layers - 1) + ".hook_resid_post"));
    return at::stack(layers);
  }
  at::Tensor read(const std::string& name) {
    return context.activations(tokens, {name}).at(name).select(0, 0);
  }
};

class LogitLensOf : public ::testing::TestWithParam<std::string> {
 protected:
  LensBench bench{GetParam() == "gpt2" ? small_gpt2_spec() : small_llama_spec()};
};

INSTANTIATE_TEST_SUITE_P(Families, LogitLensOf, ::testing::Values("gpt2", "llama"));

TEST_P(LogitLensOf, EqualsFloat64AtEveryLayerAndPosition) {
  const Dataset lens = bench.tool.analyze(bench.tokens, {});
  const at::Tensor z = logits64(*bench.model, final_norm64(*bench.model, bench.stream()));
  const at::Tensor log_p = at::log_softmax(z, -1);
  const at::Tensor last = log_p[-1].unsqueeze(0);
  const auto [top, ids] = log_p.topk(10, -1);
  EXPECT_TRUE(at::equal(lens["top_id"].tensor.to(at::kLong), ids));
  EXPECT_LT(largest_difference(lens["top_probability"].tensor, top.exp()), kTolerance);
  EXPECT_LT(largest_difference(lens["top_logit"].tensor, z.gather(-1, ids)), kTolerance);
  EXPECT_LT(largest_difference(lens["entropy"].tensor, -(log_p.exp() * log_p).sum(-1)), kTolerance);
  EXPECT_LT(
      largest_difference(lens["kl_final_to_layer"].tensor, (last.exp() * (last - log_p)).sum(-1)),
      kTolerance);
}

TEST_P(LogitLensOf, ScoresTheNextTokenAndAtTheLastPositionTheModelsOwn) {
  const Dataset lens = bench.tool.analyze(bench.tokens, {});
  const at::Tensor z = logits64(*bench.model, final_norm64(*bench.model, bench.stream()));
  at::Tensor target = at::empty({9}, at::kLong);
  for (std::int64_t i = 0; i < 8; ++i)
    target[i] = bench.tokens.ids[static_cast<std::size_t>(i + 1)];
  target[8] = z[-1][8].argmax();
  EXPECT_TRUE(at::equal(lens["target_id"].tensor.to(at::kLong), target));
  const at::Tensor index = target.reshape({1, 9, 1}).expand({z.size(0), 9, 1});
  const at::Tensor log_p = at::log_softmax(z, -1).gather(-1, index).squeeze(-1);
  EXPECT_LT(largest_difference(lens["target_log_probability"].tensor, log_p), kTolerance);
  EXPECT_LT(largest_difference(lens["target_probability"].tensor, log_p.exp()), kTolerance);
  EXPECT_LT(largest_difference(lens["target_logit"].tensor, z.gather(-1, index).squeeze(-1)),
            kTolerance);
  EXPECT_TRUE(
      at::equal(lens["target_rank"].tensor.to(at::kLong), 1 + (z > z.gather(-1, index)).sum(-1)));
  const at::Tensor cross_entropy = lens["cross_entropy"].tensor;
  EXPECT_LT(largest_difference(cross_entropy.narrow(1, 0, 8), -log_p.narrow(1, 0, 8)), kTolerance);
  EXPECT_TRUE(cross_entropy.select(1, 8).isnan().all().item<bool>());
}

TEST_P(LogitLensOf, DecodesOtherPointsAgainstTheModelsOwnPrediction) {
  LogitLensOptions options;
  options.points = {"resid_mid", "attn_out", "mlp_out", "resid_pre"};
  options.target = Target::token(3);
  const Dataset lens = bench.tool.analyze(bench.tokens, options);
  const at::Tensor final_z = logits64(*bench.model, final_norm64(*bench.model, bench.stream()[-1]));
  const at::Tensor last = at::log_softmax(final_z, -1);
  for (const std::string& point : options.points)
    for (std::int64_t block = 0; block < bench.model->spec().n_layers; ++block) {
      const at::Tensor residual = bench.read("blocks." + std::to_string(block) + ".hook_" + point);
      const at::Tensor log_p =
          at::log_softmax(logits64(*bench.model, final_norm64(*bench.model, residual)), -1);
      EXPECT_LT(largest_difference(lens[point + "_target_log_probability"].tensor[block],
                                   log_p.select(1, 3)),
                kTolerance);
      EXPECT_LT(largest_difference(lens[point + "_kl_final_to_layer"].tensor[block],
                                   (last.exp() * (last - log_p)).sum(-1)),
                kTolerance);
    }
  EXPECT_FALSE(lens.contains("settled_layer"));
  EXPECT_EQ(lens.dim("block"), bench.model->spec().n_layers);
}

TEST_P(LogitLensOf, UnembedsTheRawResidualWithoutTheNorm) {
  LogitLensOptions options;
  options.norm = false;
  const Dataset lens = bench.tool.analyze(bench.tokens, options);
  const at::Tensor log_p = at::log_softmax(logits64(*bench.model, bench.stream()), -1);
  EXPECT_LT(largest_difference(lens["entropy"].tensor, -(log_p.exp() * log_p).sum(-1)), kTolerance);
  EXPECT_GT(lens["kl_final_to_layer"].tensor[-1].max().item<float>(), 0.0F);
}

TEST_P(LogitLensOf, GivesAReceiptThatTheLastLayerIsTheModel) {
  const Dataset lens = bench.tool.analyze(bench.tokens, {});
  ASSERT_EQ(lens.receipts.size(), 1U);
  EXPECT_EQ(lens.receipts[0].name, "lens_last_layer_equals_logits");
  EXPECT_TRUE(lens.receipts[0].passed);
}

TEST_P(LogitLensOf, LastLayerIsWhatTheForwardPredicts) {
  const Dataset lens = bench.tool.analyze(bench.tokens, {});
  const at::Tensor logits = bench.model->forward(make_batch(bench.tokens)).logits[0];
  EXPECT_TRUE(at::equal(lens["top_id"].tensor[-1].select(1, 0).to(at::kLong), logits.argmax(-1)));
  EXPECT_LT(largest_difference(
                lens["top_logit"].tensor[-1],
                logits.gather(-1, lens["top_id"].tensor[-1].to(at::kLong)).to(at::kDouble)),
            kTolerance);
}

TEST_P(LogitLensOf, SaysFromWhichLayerThePredictionIsSettledAndWhereItMovesAway) {
  LogitLensOptions options;
  options.target = Target::model();
  const Dataset lens = bench.tool.analyze(bench.tokens, options);
  const at::Tensor top = lens["top_id"].tensor.select(2, 0);
  const std::int64_t last = top.size(0) - 1;
  for (std::int64_t p = 0; p < 9; ++p) {
    const auto first_choice = [&](std::int64_t layer) { return top[layer][p].item<int>(); };
    std::int64_t settled = last;
    while (settled > 0 && first_choice(settled - 1) == first_choice(last)) --settled;
    EXPECT_EQ(lens["settled_layer"].tensor[p].item<int>(), settled);
    for (std::int64_t layer = 1; layer <= last; ++layer)
      EXPECT_EQ(lens["leaves_top"].tensor[layer][p].item<int>() == 1,
                first_choice(layer - 1) == first_choice(last) &&
                    first_choice(layer) != first_choice(last));
  }
}

TEST_P(LogitLensOf, ReadsOneLayerDirectlyAsTheWholeLensDoes) {
  LogitLensOptions options;
  options.target = Target::token(7);
  const Dataset lens = bench.tool.analyze(bench.tokens, options);
  for (const std::int64_t layer : {std::int64_t{0}, bench.model->spec().n_layers}) {
    const Dataset one = bench.tool.at_layer(bench.tokens, layer, options.target, LensPath::direct);
    EXPECT_TRUE(at::equal(one["logit"].tensor, lens["target_logit"].tensor[layer]));
    EXPECT_TRUE(at::equal(one["rank"].tensor, lens["target_rank"].tensor[layer]));
    EXPECT_TRUE(at::equal(one["probability"].tensor, lens["target_probability"].tensor[layer]));
  }
}

TEST_P(LogitLensOf, RunsARealResidualIndirectlyToTheModelsOwnPrediction) {
  const at::Tensor logits = bench.model->forward(make_batch(bench.tokens)).logits[0];
  for (std::int64_t layer = 0; layer <= bench.model->spec().n_layers; ++layer) {
    const Dataset one =
        bench.tool.at_layer(bench.tokens, layer, Target::token(7), LensPath::indirect);
    EXPECT_LT(largest_difference(one["logit"].tensor, logits.select(1, 7).to(at::kDouble)),
              kTolerance);
  }
}

TEST_P(LogitLensOf, FollowsOneLogitThroughTheLayers) {
  LogitLensOptions options;
  options.target = Target::token(7);
  const Dataset lens = bench.tool.analyze(bench.tokens, options);
  for (const std::int64_t position : {-1, 0, 4}) {
    const Dataset one = bench.tool.layer_logits(bench.tokens, options.target, position);
    EXPECT_TRUE(
        at::equal(one["target_logit"].tensor, lens["target_logit"].tensor.select(1, position)));
  }
}

TEST_P(LogitLensOf, RefusesAnEmptyListOfPointsBeforeTheFirstCase) {
  bench.tool.attach(bench.context, testing::declared(LogitLensTool::kParameters),
                    "tool 'logit_lens'");
  EXPECT_NO_THROW(bench.tool.check_parameters(bench.tool.parameters({})));
  EXPECT_THAT(testing::message_of<UsageError>([&] {
                bench.tool.check_parameters(bench.tool.parameters({{"points", "none"}}));
              }),
              ::testing::HasSubstr("expected one or more of resid_post"));
}

TEST_P(LogitLensOf, RefusesWhatItCannotDo) {
  LogitLensOptions options;
  options.points = {"resid_past"};
  EXPECT_THROW(bench.tool.analyze(bench.tokens, options), UsageError);
  options.points = {"attn_out", "attn_out"};
  EXPECT_THROW(bench.tool.analyze(bench.tokens, options), UsageError);
  options.points = {};
  EXPECT_THROW(bench.tool.analyze(bench.tokens, options), UsageError);
  options = {};
  options.top_k = 0;
  EXPECT_THROW(bench.tool.analyze(bench.tokens, options), UsageError);
  EXPECT_THROW(bench.tool.analyze(Tokens{}, {}), UsageError);
  EXPECT_THROW(bench.tool.at_layer(bench.tokens, -1, Target::model(), LensPath::direct),
               UsageError);
  EXPECT_THROW(bench.tool.layer_logits(bench.tokens, Target::model(), 9), UsageError);
  EXPECT_THROW(bench.tool.layer_logits(bench.tokens, Target::token(1 << 30), 0), UsageError);
}

TEST_P(LogitLensOf, RecordsTheOptionsOfACall) {
  bench.tool.attach(bench.context, testing::declared(LogitLensTool::kParameters));
  const Dataset generic = bench.tool.Tool::run(bench.tokens, {});
  testing::expect_recorded(LogitLensTool::kParameters, generic);
  testing::expect_equal(bench.tool.analyze(bench.tokens, {}), generic);
  const Dataset other =
      bench.tool.analyze(bench.tokens, {.top_k = 3, .target = Target::model(), .norm = false});
  EXPECT_EQ(other.attributes.at("top_k"), Attribute(std::int64_t{3}));
  EXPECT_EQ(other.attributes.at("target"), Attribute(std::string("model")));
  EXPECT_EQ(other.attributes.at("norm"), Attribute(std::int64_t{0}));
}

}  // namespace
}  // namespace lensbench::lens
