// Training: its gradient, its steps, what survives an interruption, and what it learns.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <functional>
#include <vector>

#include "sparse_autoencoder/optimiser.hpp"
#include "support/contexts.hpp"
#include "support/planted_model.hpp"
#include "training_fixture.hpp"

namespace lensbench::dictionaries {
namespace {

at::Tensor waves(std::int64_t rows, std::int64_t columns, double speed) {
  return at::sin(at::arange(rows * columns, at::kFloat) * speed).view({rows, columns});
}

/// Weights of seven features of rows of five, which need gradients.
Weights small_weights() {
  const auto leaf = [](at::Tensor values) { return values.requires_grad_(true); };
  return {leaf(waves(7, 5, 1.7)), leaf(waves(1, 7, 0.9).view({7}) * 0.1), leaf(waves(7, 5, 2.3)),
          leaf(waves(1, 5, 3.1).view({5}) * 0.2)};
}

/// The loss with its graph, by dense operations of libtorch.
at::Tensor loss_of(const Weights& weights, const at::Tensor& x, const LossSettings& settings) {
  const at::Tensor z =
      at::addmm(weights.encoder_bias, x - weights.decoder_bias, weights.encoder.t());
  const auto kept = [](const at::Tensor& values, std::int64_t k) {
    const auto [top, where] = at::topk(values, k, 1);
    return at::zeros_like(values).scatter(1, where, top);
  };
  const at::Tensor out = at::mm(kept(z, settings.k).relu(), weights.decoder) + weights.decoder_bias;
  at::Tensor loss = (x - out).square().mean();
  if (!settings.dead.defined()) return loss;
  // Half of five coordinates are two features; with one dead feature the weight is half.
  const std::int64_t k = std::min<std::int64_t>(2, settings.dead.size(0));
  const at::Tensor rebuilt = at::mm(kept(z.index_select(1, settings.dead), k),
                                    weights.decoder.index_select(0, settings.dead));
  const double weight = settings.auxiliary * static_cast<double>(k) / 2;
  return loss + weight * (rebuilt - (x - out).detach()).square().mean();
}

void expect_gradient_of_autograd(const LossSettings& settings) {
  const Weights weights = small_weights();
  const at::Tensor x = waves(9, 5, 0.37) * 2;
  const at::Tensor loss = loss_of(weights, x, settings);
  loss.backward();
  const at::NoGradGuard no_gradients;
  const LossGradient found =
      loss_gradient({weights.encoder.detach(), weights.encoder_bias.detach(),
                     weights.decoder.detach(), weights.decoder_bias.detach()},
                    x, settings);
  EXPECT_NEAR(found.loss, loss.item<double>(), 1e-5);
  // Sums of float32 in another order.
  EXPECT_LT(largest_difference(found.gradient.encoder, weights.encoder.grad()), 1e-5);
  EXPECT_LT(largest_difference(found.gradient.encoder_bias, weights.encoder_bias.grad()), 1e-5);
  EXPECT_LT(largest_difference(found.gradient.decoder, weights.decoder.grad()), 1e-5);
  EXPECT_LT(largest_difference(found.gradient.decoder_bias, weights.decoder_bias.grad()), 1e-5);
  EXPECT_GT(weights.encoder.grad().abs().max().item<double>(), 1e-3);
}

TEST(GradientOfADictionary, IsThatOfAutograd) {
  expect_gradient_of_autograd({.k = 2});
  expect_gradient_of_autograd({.k = 7});
}

TEST(GradientOfADictionary, WithDeadFeaturesIsThatOfAutograd) {
  expect_gradient_of_autograd(
      {.k = 1, .auxiliary = 0.5, .dead = at::tensor(std::vector<std::int64_t>{1, 4, 6})});
  expect_gradient_of_autograd(
      {.k = 1, .auxiliary = 0.5, .dead = at::tensor(std::vector<std::int64_t>{2})});
}

TEST(AdamOfADictionary, MovesEachNumberByTheRateFirst) {
  // Both running means, corrected, are the gradient and its square: the quotient is its sign.
  Weights weights = Weights::zero(2, 3);
  weights.decoder.select(1, 0).fill_(1);
  Weights gradient = Weights::zero(2, 3);
  gradient.encoder.fill_(0.25);
  gradient.encoder_bias.fill_(-0.5);
  gradient.decoder.select(1, 0).fill_(0.125);  // along the rows: left out
  Adam adam = Adam::zero(2, 3);
  adam.step(weights, gradient, 0.01, 0);
  EXPECT_LT(largest_difference(weights.encoder, at::full({2, 3}, -0.01)), 1e-8);
  EXPECT_LT(largest_difference(weights.encoder_bias, at::full({2}, 0.01)), 1e-8);
  EXPECT_EQ(weights.decoder[0][0].item<double>(), 1);
  EXPECT_EQ(weights.decoder_bias.abs().max().item<double>(), 0);
}

TEST(AdamOfADictionary, KeepsDecoderRowsAtLength1) {
  Weights weights = Weights::zero(4, 3);
  weights.decoder.fill_(1 / std::sqrt(3.0));
  Weights gradient = Weights::zero(4, 3);
  gradient.decoder.copy_(waves(4, 3, 1.1));
  Adam adam = Adam::zero(4, 3);
  adam.step(weights, gradient, 0.3, 0);
  EXPECT_LT(largest_difference(weights.decoder.norm(2, {1}), at::ones({4})), 1e-6);
  EXPECT_GT(largest_difference(weights.decoder, at::full({4, 3}, 1 / std::sqrt(3.0))), 0.1);
}

TEST(RateOfATraining, FallsInTheLastFifth) {
  const SparseAutoencoderTraining training{.steps = 10, .learning_rate = 2};
  EXPECT_DOUBLE_EQ(rate_of(training, 0), 2);
  EXPECT_DOUBLE_EQ(rate_of(training, 8), 2);
  EXPECT_DOUBLE_EQ(rate_of(training, 9), 1);
}

class Training : public ::testing::Test {
 protected:
  Dataset train(RunServices* run = nullptr) {
    SaeBench bench({3, 17, 5, 9});
    if (run != nullptr) ContextAccess::connect(bench.context, run);
    Dataset found = bench.tool.train(bench.tokens, training_, Target::model(), first_stream());
    ContextAccess::connect(bench.context, nullptr);
    return found;
  }
  std::int64_t number(const Dataset& found, const char* name) {
    return std::get<std::int64_t>(found.attributes.at(name));
  }

  testing::TempDir folder_;
  SparseAutoencoderTraining training_ =
      small_training(folder_.write("text.jsonl", documents(10, 12, 61)));
};

TEST_F(Training, HoldsItsReceiptsAndReadsTheTextAgainWhenItEnds) {
  const Dataset found = train();
  testing::expect_receipts_hold(found, 4);
  // Eight documents of 12 tokens are left to train on; a step takes two of them.
  EXPECT_EQ(number(found, "training_windows"), 12);
  EXPECT_EQ(number(found, "epochs"), 1);
  EXPECT_EQ(number(found, "training_rows") + number(found, "left_out_rows"), 12 * 12);
  EXPECT_EQ(number(found, "rows"), 2 * 12);
  EXPECT_EQ(testing::value_at(found, "held_out_fvu"), testing::value_at(found, "fvu"));
  EXPECT_LE(found["l0"].tensor.max().item<std::int64_t>(), 4);
}

TEST_F(Training, OfOneSeedHasOneResult) {
  testing::expect_equal(train(), train());
}

// A tool keeps its last training, which a request with the same settings shares.
TEST_F(Training, AfterAnotherOneOfTheToolIsThatOfItsOwnSettingsAndText) {
  SaeBench bench({3, 17, 5, 9});
  const auto of_one_tool = [&] {
    return bench.tool.train(bench.tokens, training_, Target::model(), first_stream());
  };
  testing::expect_equal(of_one_tool(), of_one_tool());
  const std::vector<std::function<void()>> changes = {
      [&] { training_.latents = 30; },
      [&] { training_.k = 3; },
      [&] { training_.steps = 5; },
      [&] { training_.tokens_per_step = 30; },
      [&] { training_.learning_rate = 0.02; },
      [&] { training_.held_out = 0.4; },
      [&] { folder_.write("text.jsonl", documents(12, 12, 61)); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    changes[i]();
    testing::expect_equal(of_one_tool(), train());
  }
}

TEST_F(Training, GoesOnAfterAnInterruptionWithTheSameBits) {
  for (const std::string& text : {training_.text, std::string("generated:4")}) {
    training_.text = text;
    const Dataset whole = train();
    for (const std::int64_t steps : {1, 4}) {
      StoppedRun stopped(steps), resumed(100);
      EXPECT_THAT(message_of<RunError>([&] { train(&stopped); }), HasSubstr("--resume"));
      ASSERT_EQ(stopped.states.at("dictionary")["mse"].tensor.size(0), steps);
      resumed.states = stopped.states;
      testing::expect_equal(train(&resumed), whole);
    }
  }
}

TEST_F(Training, LowersTheErrorOnTextHeldOut) {
  const double first = testing::value_at(train(), "held_out_fvu");
  training_.steps = 150;
  EXPECT_LT(testing::value_at(train(), "held_out_fvu"), first);
}

TEST_F(Training, RefusesWhatItCannotLearnFrom) {
  SaeBench bench;
  const auto refused = [&](auto change, SparseAutoencoderOptions options = first_stream()) {
    SparseAutoencoderTraining training = training_;
    change(training);
    return message_of<UsageError>(
        [&] { bench.tool.train(bench.tokens, training, Target::model(), options); });
  };
  const auto nothing = [](auto&) {};
  EXPECT_THAT(refused([](auto& t) { t.k = 41; }), HasSubstr("k is 41, expected at most latents"));
  EXPECT_THAT(refused([](auto& t) { t.steps = 0; }), HasSubstr("steps is 0"));
  EXPECT_THAT(refused([](auto& t) { t.text = ""; }), HasSubstr("training needs text"));
  EXPECT_THAT(refused([](auto& t) { t.held_out = 0.01; }), HasSubstr("leaves 0 documents"));
  EXPECT_THAT(refused(nothing, {}), HasSubstr("a training does not name a hook point"));
  EXPECT_THAT(refused(nothing, {.hook = "blocks.0.attn.hook_pattern"}),
              HasSubstr("one row for each position"));
  EXPECT_THAT(refused(nothing, {.hook = first_stream().hook, .feature = {40}}),
              HasSubstr("0 to 39"));
}

TEST_F(Training, ThatDivergesIsRefused) {
  training_.learning_rate = 1e30;
  EXPECT_THAT(message_of<RunError>([&] { train(); }), HasSubstr("smaller learning_rate"));
}

/// 24 directions of 16 coordinates, no two of them near each other.
at::Tensor spread_directions() {
  Philox draw(1);
  at::Tensor found = at::empty({24, 16});
  for (std::int64_t i = 0; i < found.numel(); ++i)
    found.data_ptr<float>()[i] = static_cast<float>(draw.normal());
  for (int step = 0; step < 400; ++step) {
    found = found / found.norm(2, {1}, true);
    at::Tensor cosines = at::mm(found, found.t());
    cosines.fill_diagonal_(0);
    found = found - 1.2 * at::mm(cosines.pow(3), found);
  }
  return found / found.norm(2, {1}, true);
}

/// Mean cosine of true directions and features matched one to one, the nearest pairs first.
double mean_cosine(const at::Tensor& truth, const at::Tensor& decoder) {
  at::Tensor cosines = at::mm(truth, decoder.t()).abs();
  double sum = 0;
  for (std::int64_t i = 0; i < truth.size(0); ++i) {
    sum += cosines.max().item<double>();
    const std::int64_t best = cosines.argmax().item<std::int64_t>();
    cosines[best / decoder.size(0)].fill_(-1);
    cosines.select(1, best % decoder.size(0)).fill_(-1);
  }
  return sum / static_cast<double>(truth.size(0));
}

TEST(TrainingOnPlantedFeatures, FindsThem) {
  // Tokens 1 to 24 have one feature each, the others two.
  testing::PlantedModel planted({.n_positions = 32,
                                 .n_features = 16,
                                 .vocabulary = testing::numbered_vocabulary(127),
                                 .n_special = 1});
  const at::Tensor directions = spread_directions();
  Philox draw(3);
  for (std::int64_t token = 1; token < 128; ++token) {
    std::vector<std::int64_t> features{token - 1};
    if (token > 24) {
      const auto first = static_cast<std::int64_t>(draw.below(24));
      features = {first, (first + 1 + static_cast<std::int64_t>(draw.below(23))) % 24};
    }
    for (const std::int64_t feature : features)
      for (std::int64_t i = 0; i < 16; ++i)
        planted.embed(token, i, directions[feature][i].item<double>());
  }
  const testing::TempDir folder;
  planted.write(folder.path());
  const auto model = Model::open(folder.path().string());
  std::string lines;
  for (int document = 0; document < 40; ++document) {
    lines += "{\"ids\": [1";
    for (int i = 1; i < 32; ++i) lines += "," + std::to_string(1 + draw.below(127));
    lines += "]}\n";
  }
  std::vector<std::int64_t> ones(24);
  for (std::size_t i = 0; i < 24; ++i) ones[i] = static_cast<std::int64_t>(i) + 1;
  testing::ToolBench<SparseAutoencoderTool> bench(model, ones);
  const Dataset found = bench.tool.train(bench.tokens,
                                         {.text = folder.write("text.jsonl", lines),
                                          .latents = 32,
                                          .k = 2,
                                          .steps = 800,
                                          .tokens_per_step = 128,
                                          .learning_rate = 0.003},
                                         Target::model(), {.hook = "hook_embed"});
  at::Tensor truth = bench.context.activations(bench.tokens, {"hook_embed"}).at("hook_embed")[0];
  truth = truth / truth.norm(2, {1}, true);
  EXPECT_GE(mean_cosine(truth, found["decoder"].tensor), 0.95);
}

}  // namespace
}  // namespace lensbench::dictionaries
