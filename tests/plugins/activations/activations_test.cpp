#include "activations/activations.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "activations/layout.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/recorded_options.hpp"
#include "support/tensors.hpp"

namespace lensbench::activations {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Names = std::vector<std::string>;

/// A checkpoint with what transformers makes of it (tests/parity/make_samples.py).
struct Sample {
  std::string directory = testing::data_folder() + "/models/llama-gqa";
  SafetensorsFile expected{directory + "/expected.safetensors"};
  std::shared_ptr<const Model> model = Model::open(directory);
  Tokens tokens = tokens_from_ids(*model, ids());
  Context context = testing::context_of(model);
  ActivationsTool tool;

  Sample() { tool.attach(context); }
  std::vector<std::int64_t> ids() const {
    const at::Tensor row = expected.tensor("ids")[0].contiguous();
    return {row.data_ptr<std::int64_t>(), row.data_ptr<std::int64_t>() + row.numel()};
  }
  Dataset read(Names hooks, ActivationStore store = ActivationStore::float32,
               ActivationPositions positions = ActivationPositions::all) {
    return tool.read(tokens, {std::move(hooks), store, positions});
  }
};

// The parity contract, for values of size about 1 to 10.
constexpr double kParity = 5e-4;

TEST(Activations, RefuseHooksThatSelectNothingBeforeTheFirstCase) {
  Sample sample;
  sample.tool.attach(sample.context, testing::declared(ActivationsTool::kParameters),
                     "tool 'activations'");
  const auto refusal = [&](const std::string& hooks) {
    return message_of<UsageError>([&] {
      sample.tool.check_parameters(sample.tool.parameters({{"hooks", hooks}}));
    });
  };
  EXPECT_NO_THROW(sample.tool.check_parameters(sample.tool.parameters({})));
  EXPECT_THAT(refusal("none"), HasSubstr("separated by commas, at least one"));
  EXPECT_THAT(refusal("hook_embed,!hook_*"), HasSubstr("parameter hooks selects nothing"));
  EXPECT_THAT(refusal("blocks.0.hook_resid_pots"), HasSubstr("hook_resid_pots"));
}

TEST(Activations, AreThoseOfTransformersUnderTheNamesOfTheirHooks) {
  Sample sample;
  const Dataset result = sample.read({"blocks.*.hook_resid_post", "unembed.hook_out"});
  EXPECT_LT(largest_difference(result["blocks.0.hook_resid_post"].tensor,
                               sample.expected.tensor("hidden_states.1")[0]),
            kParity);
  EXPECT_LT(
      largest_difference(result["unembed.hook_out"].tensor, sample.expected.tensor("logits")[0]),
      kParity);
}

TEST(Activations, NameTheAxesOfEveryPoint) {
  Sample sample;
  const Dataset result =
      sample.read({"blocks.0.attn.hook_q", "blocks.0.attn.hook_k", "blocks.0.attn.hook_pattern",
                   "blocks.0.ln1.hook_scale", "blocks.0.mlp.hook_post", "unembed.hook_out"});
  EXPECT_THAT(result["blocks.0.attn.hook_q"].dims, ElementsAre("token", "head", "d_head"));
  EXPECT_THAT(result["blocks.0.attn.hook_k"].dims, ElementsAre("token", "kv_head", "d_head"));
  EXPECT_THAT(result["blocks.0.attn.hook_pattern"].dims,
              ElementsAre("head", "query_position", "key_position"));
  EXPECT_THAT(result["blocks.0.ln1.hook_scale"].dims, ElementsAre("token", "one"));
  EXPECT_THAT(result["blocks.0.mlp.hook_post"].dims, ElementsAre("token", "d_mlp"));
  EXPECT_THAT(result["unembed.hook_out"].dims, ElementsAre("token", "vocab"));
  for (const char* axis : {"token", "head", "kv_head", "d_head", "query_position", "key_position"})
    EXPECT_TRUE(result[axis].coordinate) << axis;
}

TEST(Activations, EqualTheHookToTheBitInFloat32) {
  Sample sample;
  const auto seen =
      run_with_cache(*sample.model, make_batch(sample.tokens), {"blocks.1.attn.hook_z"}).cache;
  EXPECT_TRUE(sample.read({"blocks.1.attn.hook_z"})["blocks.1.attn.hook_z"].tensor.equal(
      seen["blocks.1.attn.hook_z"][0]));
}

/// The bench refuses a result with infinities that its description does not explain.
TEST(Activations, ExplainTheInfinityOfMaskedScores) {
  HookPoint scores;
  scores.name = "blocks.0.attn.hook_attn_scores";
  EXPECT_NE(meaning(scores).find("infinity"), std::string::npos);
}

TEST(Activations, AreRoundedOnceToFloat16) {
  Sample sample;
  const std::string name = "blocks.1.hook_resid_post";
  const at::Tensor full = sample.read({name})[name].tensor;
  const Dataset half = sample.read({name}, ActivationStore::float16);
  EXPECT_TRUE(half[name].tensor.equal(full.to(at::kHalf).to(at::kFloat)));
  EXPECT_EQ(half[name].attributes.at("source_dtype"), Attribute(std::string("float16")));
}

TEST(Activations, KeepMaskedScoresInFloat16ButRefuseFiniteValuesItCannotHold) {
  TransformerSpec spec = small_gpt2_spec();
  spec.norm.epsilon = 1e-5;
  const auto small = random_model(spec, 3);
  const auto huge = random_model(spec, 3, at::kFloat, 1e3);
  for (const auto& model : {small, huge}) {
    Context context = testing::context_of(model);
    ActivationsTool tool;
    tool.attach(context);
    const Tokens tokens = tokens_from_ids(*model, {1, 2, 3});
    const ActivationsOptions scores{{"blocks.0.attn.hook_attn_scores"}, ActivationStore::float16};
    if (model == small)
      EXPECT_TRUE(tool.read(tokens, scores)["blocks.0.attn.hook_attn_scores"]
                      .tensor.isinf()
                      .any()
                      .item<bool>());
    else
      EXPECT_THAT(message_of<UsageError>([&] { tool.read(tokens, scores); }),
                  HasSubstr("store=float32"));
  }
}

TEST(Activations, OfTheLastPositionKeepItsPlaceInTheSequence) {
  Sample sample;
  const std::string name = "blocks.0.hook_resid_post", pattern = "blocks.0.attn.hook_pattern";
  const Dataset all = sample.read({name, pattern});
  const Dataset last =
      sample.read({name, pattern}, ActivationStore::float32, ActivationPositions::last);
  const std::int64_t n = sample.tokens.size();
  EXPECT_TRUE(last[name].tensor.equal(all[name].tensor.narrow(0, n - 1, 1)));
  EXPECT_TRUE(last[pattern].tensor.equal(all[pattern].tensor.narrow(1, n - 1, 1)));
  EXPECT_EQ(last["position"].tensor.item<std::int64_t>(), n - 1);
  EXPECT_EQ(last["query_position"].tensor.item<std::int64_t>(), n - 1);
}

TEST(Activations, OfAnExpertHaveARowForEachTokenAndNaNForThoseThatWentElsewhere) {
  const auto model = Model::open(testing::data_folder() + "/models/mixtral");
  Context context = testing::context_of(model);
  ActivationsTool tool;
  tool.attach(context);
  const Tokens tokens = tokens_from_ids(*model, {3, 1, 4, 1, 5, 9, 2, 6});
  const std::string name = "blocks.1.mlp.experts.2.hook_post",
                    indices = "blocks.1.mlp.hook_expert_indices";
  const Dataset result = tool.read(tokens, {{name}});
  EXPECT_FALSE(result.contains(indices));  // read for the rows, not asked for
  EXPECT_THAT(result[name].dims, ElementsAre("token", "d_mlp"));
  const auto seen = run_with_cache(*model, make_batch(tokens), {name, indices}).cache;
  const at::Tensor chosen = seen[indices].eq(2).any(1);
  const at::Tensor& values = result[name].tensor;
  EXPECT_TRUE(values.index({chosen}).equal(seen[name]));
  EXPECT_TRUE(values.index({chosen.logical_not()}).isnan().all().item<bool>());
  EXPECT_TRUE(chosen.any().item<bool>() && !chosen.all().item<bool>());
}

TEST(Activations, LeaveOutWhatAnExclusionMatches) {
  Sample sample;
  const Dataset result = sample.read({"blocks.*.hook_resid_*", "!*.hook_resid_mid", "!blocks.1.*"});
  EXPECT_TRUE(result.contains("blocks.0.hook_resid_pre"));
  EXPECT_FALSE(result.contains("blocks.0.hook_resid_mid"));
  EXPECT_FALSE(result.contains("blocks.1.hook_resid_pre"));
}

TEST(Activations, RefuseWhatNamesNoPoint) {
  Sample sample;
  EXPECT_THAT(message_of<UsageError>([&] { sample.read({"blocks.0.hook_resid_pots"}); }),
              HasSubstr("blocks.0.hook_resid_post"));
  EXPECT_THAT(message_of<UsageError>([&] {
                sample.read({"hook_embed", "!hook_embed"});
              }),
              HasSubstr("at least one"));
  EXPECT_THROW(sample.read({}), UsageError);
}

TEST(Activations, SayWhichStoresThereAre) {
  EXPECT_THAT(message_of<UsageError>([] {
                Parameters::resolve(ActivationsTool::kParameters, {{"store", "int8"}},
                                    "tool 'activations'");
              }),
              HasSubstr("one of float32, float16"));
}

TEST(Activations, RecordTheOptionsOfACall) {
  Sample sample;
  sample.tool.attach(sample.context, testing::declared(ActivationsTool::kParameters));
  const Dataset generic = sample.tool.Tool::run(sample.tokens, {});
  testing::expect_recorded(ActivationsTool::kParameters, generic);
  testing::expect_equal(sample.tool.read(sample.tokens, {}), generic);
  const Dataset other =
      sample.read({"hook_embed"}, ActivationStore::float16, ActivationPositions::last);
  EXPECT_EQ(other.attributes.at("hooks"), Attribute(Names{"hook_embed"}));
  EXPECT_EQ(other.attributes.at("store"), Attribute(std::string("float16")));
  EXPECT_EQ(other.attributes.at("positions"), Attribute(std::string("last")));
}

}  // namespace
}  // namespace lensbench::activations
