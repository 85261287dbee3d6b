#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/intervention.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Interventions on a range of positions, on the component along a direction, and noise with a seed
// for each row.

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using ::testing::HasSubstr;

class RangeInterventions : public ::testing::Test {
 protected:
  using Bound = std::optional<std::int64_t>;

  static InterventionSite range(Bound from, Bound until, SequencePart where = SequencePart::all) {
    InterventionSite site;
    site.hook = "blocks.1.hook_resid_post";
    site.from = from;
    site.until = until;
    site.where = where;
    return site;
  }
  static Intervention setting_7(const InterventionSite& site) {
    return {site, SetValue{at::scalar_tensor(7.0)}};
  }
  at::Tensor stream(const std::shared_ptr<const Model>& model, const TokenBatch& tokens) const {
    const std::string hook = range({}, {}).hook;
    return run_with_cache(*model, tokens, {hook}).cache[hook];
  }
  at::Tensor changed(const Intervention& one) const {
    return stream(with_interventions(model_, {one}), tokens_);
  }
  /// Positions whose values are all 7.
  std::vector<std::int64_t> set_by(const InterventionSite& site) const {
    const at::Tensor x = changed(setting_7(site));
    std::vector<std::int64_t> positions;
    for (std::int64_t p = 0; p < x.size(1); ++p)
      if (x[0][p].eq(7).all().item<bool>()) positions.push_back(p);
    return positions;
  }
  std::string refusal(const InterventionSite& site) const {
    return message_of<UsageError>([&] { changed(setting_7(site)); });
  }
  /// Logits of four steps of generation.
  std::vector<at::Tensor> steps(const Model& model, bool cached, const Hooks& hooks = {}) const {
    Tokens prompt;
    prompt.ids = ids_;
    GenerationOptions options;
    options.max_new_tokens = 4;
    options.use_cache = cached;
    options.stop_at_end_of_sequence = false;
    std::vector<at::Tensor> logits;
    generate(
        model, prompt, options,
        [&](std::int64_t, const at::Tensor& x, std::int64_t) { logits.push_back(x); }, hooks);
    return logits;
  }

  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 9, at::kFloat, 0.3);
  std::vector<std::int64_t> ids_ = {3, 1, 4, 1, 5, 9};
  TokenBatch tokens_{at::tensor(ids_, at::kLong).unsqueeze(0), {}};
};

using Positions = std::vector<std::int64_t>;

TEST_F(RangeInterventions, HoldTheirFirstPositionAndNotTheirLast) {
  EXPECT_EQ(set_by(range(2, 4)), Positions({2, 3}));
  EXPECT_EQ(set_by(range(4, {})), Positions({4, 5}));
  EXPECT_EQ(set_by(range({}, 2)), Positions({0, 1}));
  EXPECT_EQ(set_by(range(-2, {})), Positions({4, 5}));
  EXPECT_EQ(set_by(range(1, -3)), Positions({1, 2}));
  EXPECT_EQ(set_by(range(4, 100)), Positions({4, 5}));  // a shorter prompt ends before the range
  EXPECT_EQ(set_by(range(3, {}, SequencePart::prompt)), Positions({3, 4, 5}));
}

TEST_F(RangeInterventions, CountFromTheFirstRealTokenOfAPaddedRow) {
  const TokenBatch batch{rows_of({{0, 0, 3, 1, 4}, {3, 1, 4, 1, 5}}),
                         rows_of({{0, 0, 1, 1, 1}, {1, 1, 1, 1, 1}}).to(at::kBool)};
  const at::Tensor x = stream(with_interventions(model_, {setting_7(range(1, -1))}), batch);
  const at::Tensor set = x.eq(7).all(-1);
  EXPECT_TRUE(
      set.equal(at::tensor(std::vector<std::int64_t>{0, 0, 0, 1, 0, 0, 1, 1, 1, 0}, at::kLong)
                    .view({2, 5})
                    .to(at::kBool)));
}

// By a hook of its own that changes columns by their number in the sequence, without a cache.
TEST_F(RangeInterventions, ActOnGeneratedTokensAloneOrOnThePromptAloneWithAndWithoutACache) {
  const at::Tensor value = at::sin(at::arange(24, at::kFloat)).mul(3);
  struct Case {
    InterventionSite site;
    std::int64_t begin, end;
  };
  for (const Case& one :
       {Case{range({}, {}, SequencePart::generated), 6, 100},
        Case{range({}, {}, SequencePart::prompt), 0, 6}, Case{range(4, 8), 4, 8},
        Case{range(-2, {}), 4, 100}, Case{range({}, 7, SequencePart::generated), 6, 7}}) {
    Hooks by_hand;
    by_hand.replace(one.site.hook, [&](const at::Tensor& x, const HookPoint&) {
      const std::int64_t last = std::min(one.end, x.size(1));
      at::Tensor y = x.clone();
      if (one.begin < last) y.narrow(1, one.begin, last - one.begin).add_(value);
      return y;
    });
    const auto expected = steps(*model_, false, by_hand);
    const auto model = with_interventions(model_, {{one.site, AddValue{value, 1}}});
    for (const bool cached : {false, true}) {
      const auto found = steps(*model, cached);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(found[i].allclose(expected[i], 1e-4, 1e-4))  // other products round otherwise
            << interventions_to_json({{one.site, SetZero{}}}) << " step " << i;
    }
  }
}

TEST_F(RangeInterventions, ThatSelectNothingAreAnError) {
  EXPECT_THAT(refusal(range(6, {})),
              HasSubstr("range from 6 has no position of this sequence of 6"));
  EXPECT_THAT(refusal(range(-7, {})), HasSubstr("position -7"));
  EXPECT_THAT(refusal(range(3, 3)), HasSubstr("from 3 until 3 is empty"));
  EXPECT_THAT(refusal(range(-1, 2)), HasSubstr("from -1 until 2 has no position"));
  EXPECT_THAT(refusal(range({}, {}, SequencePart::generated)), HasSubstr("runs a prompt alone"));
  InterventionSite both = range(2, {});
  both.positions = {1};
  EXPECT_THAT(refusal(both), HasSubstr("give a list or a range"));
  const auto never = [&](const InterventionSite& site, std::int64_t count) {
    Tokens prompt;
    prompt.ids = ids_;
    GenerationOptions options;
    options.max_new_tokens = count;
    options.stop_at_end_of_sequence = false;
    return message_of<UsageError>(
        [&] { generate(*with_interventions(model_, {setting_7(site)}), prompt, options); });
  };
  EXPECT_THAT(never(range(20, {}), 3), HasSubstr("position 20 was never reached"));
  EXPECT_THAT(never(range({}, {}, SequencePart::generated), 1), HasSubstr("at least 2 tokens"));
}

TEST_F(RangeInterventions, SetTheComponentAlongADirectionAndNothingElse) {
  const at::Tensor direction = at::sin(at::arange(24, at::kFloat)).mul(3);
  const at::Tensor x = stream(model_, tokens_).to(at::kDouble);
  const at::Tensor unit = direction.to(at::kDouble) / direction.to(at::kDouble).norm();
  const at::Tensor y = changed({range({}, {}), SetAlong{direction, -2.5}}).to(at::kDouble);
  EXPECT_LT((y.matmul(unit) + 2.5).abs().max().item<double>(), 1e-5);
  const auto orthogonal = [&](const at::Tensor& all) {
    return all - all.matmul(unit).unsqueeze(-1) * unit;
  };
  EXPECT_LT((orthogonal(y) - orthogonal(x)).abs().max().item<double>(), 1e-5);
  // The length of the direction does not matter, and 0 is what project_out gives, bit for bit.
  EXPECT_TRUE(changed({range({}, {}), SetAlong{direction * 4, -2.5}}).to(at::kDouble).equal(y));
  EXPECT_TRUE(changed({range({}, {}), SetAlong{direction, 0}})
                  .equal(changed({range({}, {}), ProjectOut{direction}})));
  EXPECT_THAT(message_of<UsageError>([&] {
                changed({range({}, {}), SetAlong{at::zeros({24}), 1}});
              }),
              HasSubstr("not zero"));
}

TEST_F(RangeInterventions, DrawTheNoiseOfEachRowFromItsOwnSeed) {
  const TokenBatch batch{rows_of({{0, 0, 3, 1}, {3, 1, 4, 1}}),
                         rows_of({{0, 0, 1, 1}, {1, 1, 1, 1}}).to(at::kBool)};
  const InterventionSite all = range({}, {});
  const auto with = [&](AddNoise noise) {
    return stream(with_interventions(model_, {{all, std::move(noise)}}), batch);
  };
  const at::Tensor both = with({.standard_deviation = 0.5, .seeds = {4, 9}});
  EXPECT_TRUE(both[0].equal(with({.standard_deviation = 0.5, .seed = 4})[0]));
  EXPECT_TRUE(both[1].equal(with({.standard_deviation = 0.5, .seed = 9})[1]));
  const TokenBatch whole{rows_of({{3, 1, 4, 1}, {3, 1, 4, 1}}), {}};
  const at::Tensor rows =
      stream(with_interventions(model_, {{all, AddNoise{0.5, 0, {4, 9}}}}), whole);
  EXPECT_TRUE(rows[1].equal(both[1]));
  EXPECT_FALSE(rows[0].equal(rows[1]));
  EXPECT_THAT(message_of<UsageError>([&] {
                with({.seeds = {1, 2, 3}});
              }),
              HasSubstr("3 seeds, but the batch 2 rows"));
}

TEST(RangeJson, GivesBackRangesComponentsAndSeeds) {
  const auto site = [](const char* hook) {
    InterventionSite at;
    at.hook = hook;
    return at;
  };
  std::vector<Intervention> list = {
      {site("z1"), SetZero{}},
      {site("z1"), Resample{{{4, 5, 6}, ""}, {0, 1}}},
      {site("z1"), Resample{{{4, 5, 6}, ""}, {}}},
      {site("resid_post"), SetAlong{at::rand({24}), -1.25}},
      {site("hook_embed"), AddNoise{0.5, 0, {0, std::numeric_limits<std::uint64_t>::max()}}}};
  list[0].at.until = -1;
  list[0].at.where = SequencePart::generated;
  list[1].at.from = 3;
  list[3].at.from = -4;
  list[3].at.where = SequencePart::prompt;
  const auto back = interventions_from_json(interventions_to_json(list), "text");
  ASSERT_EQ(back.size(), list.size());
  for (std::size_t i = 0; i < list.size(); ++i) EXPECT_TRUE(back[i] == list[i]) << i;
}

TEST(RangeJson, NamesFieldAndFault) {
  const auto fault = [](const std::string& fields) {
    return message_of<InputError>(
        [&] { interventions_from_json(R"([{"hook": "z", )" + fields + "}]", "file.json"); });
  };
  EXPECT_THAT(fault(R"("action": "zero", "where": "end")"),
              HasSubstr("field where: 'end' is unknown; expected all, prompt or generated"));
  EXPECT_THAT(fault(R"("action": "zero", "from": 1.5)"), HasSubstr("field from: expected a whole"));
  EXPECT_THAT(fault(R"("action": "zero", "from": {"ids": [1]})"),
              HasSubstr("field from: expected a whole"));
  EXPECT_THAT(fault(R"("action": "zero", "until": "3")"), HasSubstr("field until: expected"));
  EXPECT_THAT(fault(R"("action": "resample", "from": 3)"), HasSubstr("field of: is missing"));
  EXPECT_THAT(fault(R"("action": "resample", "from": {"ids": [1]}, "of": {"ids": [1]})"),
              HasSubstr("give the other case once"));
  EXPECT_THAT(fault(R"("action": "set_along", "direction": [1, 2])"),
              HasSubstr("field component: is missing"));
  EXPECT_THAT(fault(R"("action": "noise", "standard_deviation": 1, "seed": 1, "seeds": [1])"),
              HasSubstr("give one of the two"));
  EXPECT_THAT(fault(R"("action": "noise", "standard_deviation": 1, "seeds": [-1])"),
              HasSubstr("seeds[0]: expected an integer of 0 or more"));
}

}  // namespace
}  // namespace lensbench
