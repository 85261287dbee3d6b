#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/intervention.hpp>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "model/runtime/threads.hpp"
#include "support/error_matchers.hpp"
#include "support/interventions.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using ::testing::AllOf;
using testing::at_hook;
using ::testing::HasSubstr;
using List = std::vector<Intervention>;
using Ids = std::vector<std::int64_t>;

const std::string kStream = "blocks.1.hook_resid_post";

at::Tensor vector_of(std::int64_t size) {
  return at::sin(at::arange(size, at::kFloat)).mul(3);
}

class Interventions : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 9, at::kFloat, 0.3);
  Ids ids_ = {3, 1, 4, 1, 5, 9};
  TokenBatch tokens_{at::tensor(ids_, at::kLong).unsqueeze(0), {}};

  static at::Tensor read(const Model& model, const TokenBatch& tokens, const std::string& hook) {
    return run_with_cache(model, tokens, {hook}).cache[hook];
  }
  at::Tensor plain(const std::string& hook) const { return read(*model_, tokens_, hook); }
  at::Tensor with(List list, const std::string& hook) const {
    return read(*with_interventions(model_, std::move(list)), tokens_, hook);
  }
  std::string refusal(List list) const {
    return message_of<UsageError>(
        [&] { with_interventions(model_, std::move(list))->forward(tokens_); });
  }
};

TEST_F(Interventions, SetWhatIsSelectedAndNothingElse) {
  const at::Tensor x = plain(kStream);
  const at::Tensor y =
      with({{at_hook(kStream, {2, -1}, {5}), SetValue{at::scalar_tensor(7.0)}}}, kStream);
  at::Tensor expected = x.clone();
  expected[0][2][5] = expected[0][5][5] = 7.0;
  EXPECT_TRUE(y.equal(expected));
}

TEST_F(Interventions, AddAVectorTimesItsCoefficient) {
  const at::Tensor value = vector_of(24);
  const at::Tensor y = with({{at_hook(kStream, {1}), AddValue{value, -0.5}}}, kStream);
  at::Tensor expected = plain(kStream).clone();
  expected[0][1] -= value.mul(0.5);
  EXPECT_TRUE(y.allclose(expected, 0, 1e-6));  // one rounding
}

TEST_F(Interventions, ScaleAndZeroSingleHeads) {
  InterventionSite head = at_hook("blocks.0.attn.hook_z");
  head.heads = {1};
  const at::Tensor x = plain(head.hook);
  const at::Tensor scaled = with({{head, ScaleBy{2.0}}}, head.hook);
  const at::Tensor zeroed = with({{head, SetZero{}}}, head.hook);
  EXPECT_TRUE(scaled.select(2, 1).equal(x.select(2, 1).mul(2)));
  EXPECT_TRUE(scaled.select(2, 0).equal(x.select(2, 0)));
  EXPECT_EQ(zeroed.select(2, 1).abs().max().item<double>(), 0.0);
}

TEST_F(Interventions, HideAKeyFromAQueryBySettingItsScore) {
  InterventionSite site = at_hook("blocks.0.attn.hook_attn_scores", {4});
  site.keys = {2};
  site.heads = {0};
  const double hidden = -std::numeric_limits<double>::infinity();
  const at::Tensor pattern =
      with({{site, SetValue{at::scalar_tensor(hidden)}}}, "blocks.0.attn.hook_pattern");
  EXPECT_EQ(pattern[0][0][4][2].item<double>(), 0.0);
  EXPECT_GT(pattern[0][1][4][2].item<double>(), 0.0);
  EXPECT_NEAR(pattern[0][0][4].sum().item<double>(), 1.0, 1e-6);
}

TEST_F(Interventions, SetTheMeanOverTheSequenceOrOverOthers) {
  const at::Tensor x = plain(kStream);
  EXPECT_TRUE(with({{at_hook(kStream), SetMean{}}}, kStream)
                  .allclose(x.mean(1, true).expand_as(x), 0, 1e-6));
  const TokenBatch a{rows_of({{7, 8}}), {}}, b{rows_of({{2, 6, 5}}), {}};
  const at::Tensor mean =
      at::cat({read(*model_, a, kStream)[0], read(*model_, b, kStream)[0]}).mean(0);
  const at::Tensor y =
      with({{at_hook(kStream, {0}), SetMean{{{{7, 8}, ""}, {{2, 6, 5}, ""}}}}}, kStream);
  EXPECT_TRUE(y[0][0].allclose(mean, 0, 1e-6));
  EXPECT_TRUE(y[0][1].equal(x[0][1]));
}

TEST_F(Interventions, ResampleFromAnotherCase) {
  const OtherCase other{{2, 7, 1, 8, 2, 8}, ""};
  const at::Tensor source =
      read(*model_, {at::tensor(other.ids, at::kLong).unsqueeze(0), {}}, kStream);
  EXPECT_TRUE(
      with({{at_hook(kStream, {3}), Resample{other, {}}}}, kStream)[0][3].equal(source[0][3]));
  EXPECT_TRUE(
      with({{at_hook(kStream, {3}), Resample{other, {1}}}}, kStream)[0][3].equal(source[0][1]));
  EXPECT_THAT(refusal({{at_hook(kStream), Resample{{{2, 7}, ""}, {}}}}), HasSubstr("has 2 tokens"));
}

TEST_F(Interventions, ProjectADirectionOut) {
  const at::Tensor direction = vector_of(24);
  const at::Tensor y = with({{at_hook(kStream), ProjectOut{direction}}}, kStream);
  const at::Tensor x = plain(kStream), unit = direction / direction.norm();
  EXPECT_LT(y.matmul(unit).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(y.allclose(x - x.matmul(unit).unsqueeze(-1) * unit, 0, 1e-5));
}

TEST_F(Interventions, FreezeAPatternAgainstEarlierChanges) {
  const std::string pattern = "blocks.2.attn.hook_pattern";
  const Intervention steer{at_hook("blocks.0.hook_resid_post"), AddValue{vector_of(24), 1}};
  EXPECT_FALSE(with({steer}, pattern).equal(plain(pattern)));
  EXPECT_TRUE(with({steer, {at_hook(pattern), Freeze{}}}, pattern).equal(plain(pattern)));
}

TEST_F(Interventions, ActInTheOrderTheyAreGiven) {
  const Intervention add{at_hook(kStream), AddValue{at::scalar_tensor(1.0), 1}};
  const Intervention twice{at_hook(kStream), ScaleBy{2}};
  const at::Tensor x = plain(kStream);
  EXPECT_TRUE(with({add, twice}, kStream).allclose((x + 1) * 2, 0, 1e-5));
  EXPECT_TRUE(with({twice, add}, kStream).allclose(x * 2 + 1, 0, 1e-5));
}

TEST_F(Interventions, NoiseIsNormalAndComesFromTheSeedAndThePlaceAlone) {
  const Intervention noise{at_hook(kStream), AddNoise{0.5, 42}};
  const auto noisy = with_interventions(model_, {noise});
  const at::Tensor x = plain(kStream), y = read(*noisy, tokens_, kStream);
  const at::Tensor drawn = (y - x).div(0.5);
  EXPECT_NEAR(drawn.mean().item<double>(), 0.0, 0.25);  // 3 deviations of 144 draws
  EXPECT_NEAR(drawn.std().item<double>(), 1.0, 0.2);
  // In a batch with padding, and at a selection of positions.
  const TokenBatch batch{rows_of({{0, 0, 0, 3, 1, 4}, {3, 1, 4, 1, 5, 9}}),
                         rows_of({{0, 0, 0, 1, 1, 1}, {1, 1, 1, 1, 1, 1}}).to(at::kBool)};
  const at::Tensor rows = read(*noisy, batch, kStream);
  EXPECT_TRUE(rows[0].narrow(0, 3, 3).allclose(y[0].narrow(0, 0, 3), 0, 1e-5));
  EXPECT_TRUE(rows[1].allclose(y[0], 0, 1e-5));
  const at::Tensor one = with({{at_hook(kStream, {4}, {7}), AddNoise{0.5, 42}}}, kStream);
  EXPECT_TRUE(one[0][4][7].equal(y[0][4][7]));
  EXPECT_FALSE(with({{at_hook(kStream), AddNoise{0.5, 43}}}, kStream).equal(y));
}

TEST_F(Interventions, CountPositionsFromTheFirstRealTokenOfAPaddedRow) {
  const TokenBatch batch{rows_of({{0, 0, 3, 1}, {3, 1, 4, 1}}),
                         rows_of({{0, 0, 1, 1}, {1, 1, 1, 1}}).to(at::kBool)};
  const auto model =
      with_interventions(model_, {{at_hook(kStream, {0}), SetValue{at::scalar_tensor(1.0)}},
                                  {at_hook(kStream, {-1}), SetValue{at::scalar_tensor(2.0)}}});
  const at::Tensor y = read(*model, batch, kStream);
  EXPECT_EQ(y[0][2][0].item<double>(), 1.0);
  EXPECT_EQ(y[1][0][0].item<double>(), 1.0);
  EXPECT_EQ(y[0][3][0].item<double>(), 2.0);
  EXPECT_EQ(y[1][3][0].item<double>(), 2.0);
}

TEST_F(Interventions, ActBeforeTheHooksOfTheForward) {
  const auto model = with_interventions(model_, {{at_hook(kStream), SetZero{}}});
  EXPECT_EQ(read(*model, tokens_, kStream).abs().max().item<double>(), 0.0);
}

TEST_F(Interventions, AreTheSameAsHooksOfOneForward) {
  const List list = {{at_hook(kStream, {2}), AddValue{vector_of(24), 1}},
                     {at_hook("blocks.2.attn.hook_pattern"), Freeze{}}};
  const at::Tensor as_hooks =
      model_->forward(tokens_, {}, intervention_hooks(*model_, tokens_, list)).logits;
  EXPECT_TRUE(with_interventions(model_, list)->forward(tokens_).logits.equal(as_hooks));
}

// Each action, in steps with a cache, against whole forwards without one.
TEST_F(Interventions, DoInGenerationWithACacheWhatTheyDoWithoutOne) {
  Tokens prompt;
  prompt.ids = ids_;
  InterventionSite keys = at_hook("blocks.0.attn.hook_pattern");
  keys.keys = {0};
  const OtherCase other{{2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9}, ""};
  const std::vector<List> lists = {
      {{at_hook(kStream), AddValue{vector_of(24), 0.7}}},
      {{at_hook(kStream, {-1}), SetValue{vector_of(24)}}},
      {{at_hook(kStream, {8}), SetValue{vector_of(24)}}},
      {{at_hook("blocks.0.hook_mlp_out"), AddNoise{2.0, 3}}},
      {{at_hook(kStream), Resample{other, {}}}},
      {{keys, SetZero{}}},
      {{at_hook("blocks.0.hook_resid_post"), AddValue{vector_of(24), 1}},
       {at_hook("blocks.*.attn.hook_pattern"), Freeze{}}},
  };
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto model = with_interventions(model_, lists[i]);
    std::vector<at::Tensor> logits[2];
    for (const bool cached : {false, true}) {
      GenerationOptions options;
      options.max_new_tokens = 6;
      options.use_cache = cached;
      options.stop_at_end_of_sequence = false;
      generate(*model, prompt, options, [&](std::int64_t, const at::Tensor& x, std::int64_t) {
        logits[cached].push_back(x);
      });
    }
    for (std::size_t step = 0; step < 6; ++step)
      // Products of other shapes round differently.
      EXPECT_TRUE(logits[1][step].allclose(logits[0][step], 1e-4, 1e-4)) << i << " step " << step;
  }
}

TEST_F(Interventions, InGenerationThatNeverHappenedAreAnError) {
  Tokens prompt;
  prompt.ids = ids_;
  GenerationOptions options;
  options.max_new_tokens = 3;
  options.stop_at_end_of_sequence = false;
  const auto model = with_interventions(model_, {{at_hook(kStream, {20}), SetZero{}}});
  EXPECT_THAT(message_of<UsageError>([&] { generate(*model, prompt, options); }),
              HasSubstr("position 20 was never reached"));
}

TEST_F(Interventions, RefuseWhatDoesNotExist) {
  InterventionSite site = at_hook("resid_post");
  site.layers = {7};
  EXPECT_THAT(refusal({{site, SetZero{}}}), HasSubstr("layers 0 to 2"));
  site = at_hook("blocks.0.attn.hook_q");
  site.heads = {3};
  EXPECT_THAT(refusal({{site, SetZero{}}}), HasSubstr("head 3 does not exist; give 0 to 2"));
  EXPECT_THAT(refusal({{at_hook(kStream, {}, {24}), SetZero{}}}), HasSubstr("neuron 24"));
  EXPECT_THAT(refusal({{at_hook(kStream, {6}), SetZero{}}}), HasSubstr("position 6"));
  EXPECT_THAT(refusal({{at_hook(kStream, {-7}), SetZero{}}}), HasSubstr("position -7"));
  site = at_hook(kStream);
  site.heads = {0};
  EXPECT_THAT(refusal({{site, SetZero{}}}),
              HasSubstr("need an axis that this hook lacks; its axes are batch, pos, d_model"));
  EXPECT_THAT(refusal({{at_hook("blocks.0.hook_nothing"), SetZero{}}}), HasSubstr("matches no"));
  EXPECT_THAT(refusal({{at_hook(kStream), SetValue{vector_of(5)}}}),
              AllOf(HasSubstr("[5]"), HasSubstr("[6, 24]")));
  EXPECT_THAT(refusal({{at_hook(kStream), ProjectOut{at::zeros({24})}}}), HasSubstr("not zero"));
}

List one_of_each() {
  InterventionSite everywhere = at_hook("blocks.*.attn.hook_pattern", {-1, 3}, {});
  everywhere.layers = {0, 2};
  everywhere.heads = {1};
  everywhere.keys = {0};
  const OtherCase text{{}, "in the beginning"}, ids{{4, 5, 6}, ""};
  return {{everywhere,
           SetValue{at::scalar_tensor(-std::numeric_limits<double>::infinity(), at::kFloat)}},
          {at_hook("resid_post", {}, {1, 2}), AddValue{at::rand({2, 3}), -0.1}},
          {at_hook("k2"), ScaleBy{1.0 / 3}},
          {at_hook("z0"), SetZero{}},
          {at_hook("z1"), SetMean{{text, ids}}},
          {at_hook("z1"), SetMean{}},
          {at_hook("z2"), Resample{ids, {0, 1}}},
          {at_hook("hook_embed"), AddNoise{0.25, std::numeric_limits<std::uint64_t>::max()}},
          {at_hook("pattern"), Freeze{}},
          {at_hook("resid_post"), ProjectOut{at::rand({24})}}};
}

TEST(InterventionJson, GivesBackEveryActionToTheBit) {
  const List list = one_of_each();
  const List back = interventions_from_json(interventions_to_json(list), "text");
  ASSERT_EQ(back.size(), list.size());
  for (std::size_t i = 0; i < list.size(); ++i) EXPECT_TRUE(back[i] == list[i]) << i;
  EXPECT_EQ(interventions_to_json(back), interventions_to_json(list));
}

TEST(InterventionJson, NamesPlaceFieldAndFault) {
  const auto fault = [](const std::string& text) {
    return message_of<InputError>([&] { interventions_from_json(text, "file.json"); });
  };
  EXPECT_THAT(fault("{}"), HasSubstr("file.json: expected a list"));
  EXPECT_THAT(fault(R"([{"action": "zero"}])"),
              HasSubstr("file.json: intervention 0: field hook: is missing"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "zap"}])"),
              HasSubstr("'zap' is unknown; expected set"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "zero", "layer": [1]}])"),
              AllOf(HasSubstr("field layer: is not known"), HasSubstr("layers")));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "zero", "heads": [1.5]}])"),
              HasSubstr("heads[0]: expected a whole number, found 1.5"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "zero", "heads": []}])"),
              HasSubstr("leave the field out"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "set", "value": [[1, 2], [3]]}])"),
              HasSubstr("have equal length"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "set", "value": 1e300}])"), HasSubstr("float32"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "noise", "standard_deviation": -1}])"),
              HasSubstr("above 0"));
  EXPECT_THAT(fault(R"([{"hook": "z", "action": "resample"}])"),
              HasSubstr("field from: is missing"));
}

}  // namespace
}  // namespace lensbench
