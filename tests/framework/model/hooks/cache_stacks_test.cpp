#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using Mode = DecomposeResidOptions::Mode;
using Indices = std::vector<std::int64_t>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Stacks of a batch of two prompts, compared with those of TransformerLens in float64
/// (tests/parity/activation_cache_reference.py).
class StacksOfTransformerLens : public ::testing::TestWithParam<std::string> {
 protected:
  static std::string file(const std::string& extension) {
    return testing::data_folder() + "/activation_cache/" + GetParam() + extension;
  }
  void expect(const std::string& name, const at::Tensor& values) const {
    const at::Tensor expected = expected_.tensor(name);
    ASSERT_EQ(values.sizes(), expected.sizes()) << name;
    // The forward and these sums are in float32, the expected values in float64.
    EXPECT_LT(largest_difference(values, expected), 2e-6 * std::max(1.0, largest(expected)))
        << name;
  }
  void expect(const std::string& name, const LabelledStack& stack) const {
    EXPECT_EQ(stack.labels, labels_.at(name).get<std::vector<std::string>>()) << name;
    expect(name, stack.values);
  }

  SafetensorsFile expected_{file(".safetensors")};
  nlohmann::json labels_ = nlohmann::json::parse(std::ifstream(file(".json")));
  at::Tensor directions_ = expected_.tensor("directions");
  std::shared_ptr<const Model> model_ =
      Model::open(testing::data_folder() + "/layer_attribution/" + GetParam());
  CachedForward run_ = run_with_cache(*model_, {expected_.tensor("tokens").clone(), {}}, {"*"});
  const ActivationCache& cache_ = run_.cache;
};

TEST_P(StacksOfTransformerLens, ComeFromTheSameForward) {
  expect("logits", run_.logits);
}

TEST_P(StacksOfTransformerLens, AccumulateTheStream) {
  expect("accumulated", cache_.accumulated_resid());
  expect("accumulated_mid",
         cache_.accumulated_resid({.layer = 2, .incl_mid = true, .mlp_input = true}));
  expect("accumulated_ln_final", cache_.accumulated_resid({.apply_ln = true}));
  expect("accumulated_ln_block",
         cache_.accumulated_resid({.layer = 1, .apply_ln = true, .pos_slice = {1, 4}}));
  expect(
      "accumulated_ln_mlp",
      cache_.accumulated_resid({.layer = 1, .apply_ln = true, .pos_slice = -2, .mlp_input = true}));
}

TEST_P(StacksOfTransformerLens, DecomposeTheStream) {
  expect("decompose", cache_.decompose_resid());
  expect("decompose_mlp_input", cache_.decompose_resid({.layer = 1, .mlp_input = true}));
  expect("decompose_mlp", cache_.decompose_resid({.mode = Mode::mlp}));
  expect("decompose_attn",
         cache_.decompose_resid({.layer = 2, .mode = Mode::attn, .incl_embeds = false}));
  expect("decompose_ln", cache_.decompose_resid({.apply_ln = true, .pos_slice = Indices{0, 3, 2}}));
  expect("decompose_ln_block",
         cache_.decompose_resid({.layer = 2, .mlp_input = true, .apply_ln = true}));
}

TEST_P(StacksOfTransformerLens, SplitAttentionIntoHeads) {
  expect("heads", cache_.stack_head_results());
  expect("heads_remainder",
         cache_.stack_head_results(
             {.layer = 2, .incl_remainder = true, .pos_slice = {0, 7, 3}, .apply_ln = true}));
  expect("heads_none", cache_.stack_head_results({.layer = 0, .incl_remainder = true}));
  const CachedForward from_z = run_with_cache(*model_, {expected_.tensor("tokens").clone(), {}},
                                              {"z", "hook_embed", "resid_post"});
  expect("heads", from_z.cache.stack_head_results());
  EXPECT_EQ(from_z.cache.stack_head_results({.layer = 0}).values.sizes(),
            at::IntArrayRef({0, 2, 7, 8}));
}

TEST_P(StacksOfTransformerLens, SplitMlpsIntoNeurons) {
  expect("neurons", cache_.stack_neuron_results(
                        {.layer = 2, .neuron_slice = {2, 9, 3}, .incl_remainder = true}));
  expect("neurons_one",
         cache_.stack_neuron_results({.pos_slice = -1, .neuron_slice = 4, .apply_ln = true}));
  expect("neurons_mlp_input", cache_.stack_neuron_results({.layer = 1,
                                                           .neuron_slice = Indices{5, 1},
                                                           .incl_remainder = true,
                                                           .apply_ln = true,
                                                           .mlp_input = true}));
  expect(
      "neurons_projected",
      cache_.stack_neuron_results(
          {.layer = 2, .incl_remainder = true, .project_output_onto = directions_.select(1, 0)}));
  expect("neurons_ln_projected", cache_.stack_neuron_results({.pos_slice = {0, 2},
                                                              .incl_remainder = true,
                                                              .apply_ln = true,
                                                              .project_output_onto = directions_}));
}

TEST_P(StacksOfTransformerLens, SplitTheStreamCompletely) {
  expect("full", cache_.get_full_resid_decomposition());
  expect("full_mlps", cache_.get_full_resid_decomposition({.layer = 2, .expand_neurons = false}));
  expect("full_mlp_input", cache_.get_full_resid_decomposition(
                               {.layer = 1, .mlp_input = true, .apply_ln = true, .pos_slice = -1}));
  expect("full_ln_projected",
         cache_.get_full_resid_decomposition({.apply_ln = true,
                                              .pos_slice = {1, 3},
                                              .project_output_onto = directions_.select(1, 0)}));
}

TEST_P(StacksOfTransformerLens, AttributeLogits) {
  const at::Tensor stack = cache_.decompose_resid().values;
  const at::Tensor batch = at::tensor({7, 12}, at::kLong), ids = expected_.tensor("tokens").clone();
  expect("attrs_token", cache_.logit_attrs(stack, 7));
  expect("attrs_difference", cache_.logit_attrs(stack, 7, 12));
  expect("attrs_batch", cache_.logit_attrs(stack, batch, batch.flip(0)));
  expect("attrs_positions", cache_.logit_attrs(stack, ids[0]));
  expect("attrs_batch_positions", cache_.logit_attrs(stack, ids));
  expect("attrs_last", cache_.logit_attrs(stack.select(2, -1), batch, {}, {.pos_slice = -1}));
  expect("attrs_second", cache_.logit_attrs(stack, 7, {}, {.batch_slice = 1}));
  expect("attrs_slices", cache_.logit_attrs(stack.narrow(2, 2, 3), batch.narrow(0, 0, 1), {},
                                            {.pos_slice = {2, 5}, .batch_slice = {0, 1}}));
}

TEST_P(StacksOfTransformerLens, AttributeTheLogitOfTheModelItself) {
  const double bias = [&] {
    if (GetParam() != "gpt2") return 0.0;
    return model_->unembedding().weight[7].dot(model_->weight("ln_final.b")).item<double>();
  }();
  const at::Tensor sum =
      cache_.logit_attrs(cache_.get_full_resid_decomposition().values, 7).sum(0) + bias;
  EXPECT_LT(largest_difference(sum, run_.logits.select(2, 7)), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Models, StacksOfTransformerLens, ::testing::Values("gpt2", "llama"));

/// Every sample of a family with a stream that is a sum.
class StacksOfAFamily : public ::testing::TestWithParam<std::string> {};

TEST_P(StacksOfAFamily, SumToItsStream) {
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  const TransformerSpec& spec = model->spec();
  const CachedForward run =
      run_with_cache(*model, {rows_of({{1, 2, 3, 4}, {4, 2, 1, 3}}), {}}, {"*"});
  if (spec.norm_placement == NormPlacement::after_add) {
    EXPECT_THAT(message_of<UsageError>([&] { run.cache.decompose_resid(); }),
                HasSubstr("normalises its stream after each addition"));
    return;
  }
  const at::Tensor stream = run.cache[residual_hook(spec, spec.n_layers)];
  const auto near = [&](const at::Tensor& sum) {
    EXPECT_LT(largest_difference(sum, stream), 2e-5 * std::max(1.0, largest(stream)));
  };
  near(run.cache.decompose_resid().values.sum(0));
  if (spec.norm_placement != NormPlacement::before) {
    EXPECT_THAT(message_of<UsageError>([&] { run.cache.get_full_resid_decomposition(); }),
                HasSubstr("not a sum over heads and neurons"));
    return;
  }
  near(run.cache.get_full_resid_decomposition({.expand_neurons = false}).values.sum(0));
  if (spec.mlp.n_experts > 0)
    EXPECT_THAT(message_of<UsageError>([&] { run.cache.stack_neuron_results(); }),
                HasSubstr("belong to experts"));
  else
    near(run.cache.get_full_resid_decomposition().values.sum(0));
}

INSTANTIATE_TEST_SUITE_P(Samples, StacksOfAFamily,
                         ::testing::ValuesIn(lensbench::testing::sample_models()),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

// The first block of DeepSeek is dense, and wider than the experts of the others.
TEST(StackOfDenseFirstBlocks, HasEveryNeuronOfThem) {
  const auto model = Model::open(testing::data_folder() + "/models/deepseek_v3");
  const CachedForward run = run_with_cache(*model, {rows_of({{1, 2, 3, 4}}), {}}, {"*"});
  const LabelledStack neurons = run.cache.stack_neuron_results({.layer = 1});
  EXPECT_EQ(neurons.values.size(0), model->spec().d_dense_mlp);
  EXPECT_EQ(std::ssize(neurons.labels), model->spec().d_dense_mlp);
  EXPECT_LT(largest_difference(neurons.values.sum(0), run.cache["blocks.0.hook_mlp_out"]), 2e-5);
}

class StackErrors : public ::testing::Test {
 protected:
  static CachedForward run_of(const std::shared_ptr<const Model>& model) {
    return run_with_cache(*model, {rows_of({{3, 1, 4, 1}, {5, 9, 2, 6}}), {}}, {"*"});
  }
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 4, at::kFloat, 0.3);
  CachedForward run_ = run_of(model_);
  const ActivationCache& cache_ = run_.cache;
};

TEST_F(StackErrors, NameLayersThatDoNotExist) {
  EXPECT_THAT(message_of<UsageError>([&] { cache_.accumulated_resid({.layer = 4}); }),
              HasSubstr("layer 4 does not exist; give 0 to 3"));
  EXPECT_THAT(message_of<UsageError>([&] { cache_.decompose_resid({.mlp_input = true}); }),
              HasSubstr("mlp_input needs a block"));
  EXPECT_THAT(
      message_of<UsageError>([&] { cache_.decompose_resid({.layer = 0, .incl_embeds = false}); }),
      HasSubstr("nothing to stack"));
}

TEST_F(StackErrors, NamePositionsOutsideTheSequence) {
  EXPECT_THAT(message_of<UsageError>([&] { cache_.decompose_resid({.pos_slice = 4}); }),
              HasSubstr("index 4 is outside an axis of 4 elements"));
  EXPECT_THAT(message_of<UsageError>([&] {
                cache_.decompose_resid({.pos_slice = Indices{0, -5}});
              }),
              HasSubstr("index -5"));
  EXPECT_THAT(message_of<UsageError>([&] {
                cache_.decompose_resid({.pos_slice = {0, 4, 0}});
              }),
              HasSubstr("the step is 0"));
}

TEST_F(StackErrors, NameShapesAndTokensThatDoNotFit) {
  const at::Tensor last = cache_.decompose_resid({.pos_slice = {2, 4}}).values;
  EXPECT_THAT(message_of<UsageError>([&] { cache_.logit_attrs(last, 5); }),
              HasSubstr("give the pos_slice that the stack was made with"));
  EXPECT_THAT(message_of<UsageError>([&] {
                cache_.apply_ln_to_stack(at::zeros({2, 7}));
              }),
              HasSubstr("d_model of 24"));
  const at::Tensor all = cache_.decompose_resid().values;
  EXPECT_THAT(message_of<UsageError>([&] { cache_.logit_attrs(all, 500); }),
              HasSubstr("token id 500 is outside"));
  EXPECT_THAT(message_of<UsageError>([&] {
                cache_.logit_attrs(all, at::tensor({1, 2, 3}));
              }),
              HasSubstr("tokens of the shape [3] do not fit a stack"));
  EXPECT_THAT(message_of<UsageError>([&] {
                cache_.logit_attrs(all, 5, at::tensor({1, 2}));
              }),
              HasSubstr("give equal shapes"));
  EXPECT_THAT(message_of<UsageError>(
                  [&] { cache_.stack_neuron_results({.project_output_onto = at::zeros({7})}); }),
              HasSubstr("project_output_onto"));
}

TEST_F(StackErrors, SayWhyANormDoesNotReadTheStream) {
  const auto bert = Model::open(testing::data_folder() + "/models/bert");
  const CachedForward run = run_of(bert);
  const at::Tensor stack = run.cache.accumulated_resid().values;
  EXPECT_THAT(message_of<UsageError>([&] { run.cache.apply_ln_to_stack(stack, {.layer = 1}); }),
              HasSubstr("normalise after their additions"));
  EXPECT_THAT(message_of<UsageError>([&] { run.cache.logit_attrs(stack, 3); }),
              HasSubstr("masked-language model"));
  // The last stream through the whole prediction head gives the logits of the model.
  const at::Tensor head = run.cache.accumulated_resid({.apply_ln = true}).values;
  EXPECT_LT(largest_difference(bert->unembed(head[-1]), run.logits), 1e-5);
}

}  // namespace
}  // namespace lensbench
