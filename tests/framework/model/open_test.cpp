#include "model/open.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/weights/safetensors.hpp"
#include "model/weights/finite_check.hpp"
#include "support/changed_checkpoint.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using lensbench::testing::message_of;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(OpeningAModel, NamesEveryMissingExtraAndMisshapenTensorAtOnce) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.tensors.erase("model.layers.1.mlp.up_proj.weight");
  checkpoint.tensors.erase("model.norm.weight");
  checkpoint.tensors["surplus.weight"] = at::zeros({2});
  checkpoint.tensors["lm_head.weight"] = at::zeros({5, 24});
  EXPECT_THAT(checkpoint.fault(),
              AllOf(HasSubstr("model.layers.1.mlp.up_proj.weight"), HasSubstr("model.norm.weight"),
                    HasSubstr("surplus.weight"),
                    HasSubstr("lm_head.weight has shape [5, 24], expected [61, 24]")));
}

TEST(OpeningAModel, IgnoresBuffersThatOlderVersionsSaved) {
  ChangedCheckpoint gpt2("gpt2"), llama("llama");
  gpt2.tensors["transformer.h.0.attn.bias"] = at::ones({1, 1, 48, 48});
  gpt2.tensors["transformer.h.1.attn.masked_bias"] = at::ones({1});
  llama.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({3});
  EXPECT_NO_THROW(gpt2.open());
  EXPECT_NO_THROW(llama.open());
}

TEST(OpeningAModel, TakesGpt2NamesWithoutTheirPrefix) {
  ChangedCheckpoint checkpoint("gpt2");
  const TokenBatch batch{at::tensor({1, 2, 3}, at::kLong).unsqueeze(0), {}};
  const at::Tensor logits = checkpoint.open()->forward(batch).logits;
  std::map<std::string, at::Tensor> plain;
  for (const auto& [name, tensor] : checkpoint.tensors)
    plain[name.substr(std::string("transformer.").size())] = tensor;
  checkpoint.tensors = plain;
  EXPECT_TRUE(at::equal(checkpoint.open()->forward(batch).logits, logits));
}

TEST(OpeningAModel, RefusesATiedHeadThatDiffersFromTheEmbedding) {
  ChangedCheckpoint checkpoint("llama-tied");
  const at::Tensor embedding = checkpoint.tensors.at("model.embed_tokens.weight");
  checkpoint.tensors["lm_head.weight"] = embedding;
  EXPECT_NO_THROW(checkpoint.open());
  checkpoint.tensors["lm_head.weight"] = embedding.add(1.0);
  EXPECT_THAT(checkpoint.fault(), HasSubstr("tie_word_embeddings"));
}

TEST(OpeningAModel, NamesAConfigFieldItDoesNotSupport) {
  const std::map<std::string, json> faults = {
      {"hidden_act", "mish"},
      {"head_dim", 7},
      {"num_key_value_heads", 3},
      {"rms_norm_eps", -1},
      {"num_hidden_layers", 0},
      {"partial_rotary_factor", 0.5},
      {"quantization_config", {{"quant_method", "gptq"}}},
      {"rope_scaling", {{"rope_type", "mrope"}, {"factor", 2.0}}},
      {"model_type", "mamba"},
  };
  for (const auto& [field, value] : faults) {
    ChangedCheckpoint checkpoint("llama");
    checkpoint.config[field] = value;
    EXPECT_THAT(checkpoint.fault(), HasSubstr(field == "rope_scaling" ? "rope_type" : field));
  }
}

TEST(OpeningAModel, NamesASettingThatTheFamilyDoesNotFollow) {
  struct Fault {
    const char* sample;
    std::string field;
    json value;
  };
  const std::vector<Fault> faults = {
      {"mistral", "layer_types", {"full_attention", "sliding_attention"}},
      {"mistral", "partial_rotary_factor", 0.5},
      {"mixtral", "num_experts_per_tok", 9},
      {"qwen2-window", "layer_types", {"full_attention"}},
      {"qwen3", "layer_types", {"full_attention", "chunked_attention"}},
      {"gemma", "use_bidirectional_attention", true},
      {"gemma", "hidden_activation", "relu"},
      {"gemma2", "query_pre_attn_scalar", 0},
      {"gemma2", "sliding_window", nullptr},
      {"gemma3", "attn_logit_softcapping", 50.0},
      {"phi", "partial_rotary_factor", 0.4},
      {"stablelm", "head_dim", 16},
      {"olmo2", "num_key_value_heads", 3},
  };
  for (const Fault& fault : faults) {
    ChangedCheckpoint checkpoint(fault.sample);
    if (fault.field == "partial_rotary_factor") checkpoint.config.erase("rope_parameters");
    checkpoint.config[fault.field] = fault.value;
    EXPECT_THAT(checkpoint.fault(), HasSubstr(fault.field)) << fault.sample;
  }
}

TEST(OpeningAModel, RefusesLongRopeFactorsThatDoNotFitTheHead) {
  ChangedCheckpoint checkpoint("phi3-longrope-short");
  checkpoint.config["rope_parameters"]["long_factor"] = {1.0};
  EXPECT_THAT(checkpoint.fault(), HasSubstr("long_factor: has 1 numbers; expected 3"));
}

// GemmaConfig of transformers changes the word "gelu" alone to the tanh approximation.
TEST(OpeningAModel, TakesOnlyTheWordGeluOfGemmaForItsApproximation) {
  for (const auto& [word, activation] : {std::pair("gelu", Activation::gelu_tanh),
                                         {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                         {"gelu_python", Activation::gelu}}) {
    ChangedCheckpoint checkpoint("gemma");
    checkpoint.config["hidden_act"] = word;
    EXPECT_EQ(checkpoint.open()->spec().mlp.activation, activation) << word;
  }
}

TEST(OpeningAModel, TakesOneMeaningOfNullAndAnotherOfAbsence) {
  ChangedCheckpoint checkpoint("gemma2");
  checkpoint.config["final_logit_softcapping"] = nullptr;
  EXPECT_EQ(checkpoint.open()->spec().logit_softcap, 0.0);
  checkpoint.config.erase("final_logit_softcapping");
  EXPECT_EQ(checkpoint.open()->spec().logit_softcap, 30.0);
}

TEST(OpeningAModel, RefusesAScalingWithoutItsFactor) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["rope_scaling"] = {{"type", "linear"}};
  EXPECT_THAT(checkpoint.fault(), HasSubstr("factor"));
}

TEST(OpeningAModel, RefusesAnElementTypeItDoesNotRunIn) {
  const ChangedCheckpoint checkpoint("gpt2");
  ModelOptions options;
  options.dtype = at::kInt;
  EXPECT_THROW(checkpoint.open(options), UsageError);
}

TEST(Weights, LieWhereTheFileIsMapped) {
  const auto model = Model::open(testing::data_folder() + "/models/llama");
  // Two views of one mapping: the unembedding and the embedding are as far apart as in the file.
  const SafetensorsFile file(testing::data_folder() + "/models/llama/model.safetensors");
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    return static_cast<const char*>(a.data_ptr()) - static_cast<const char*>(b.data_ptr());
  };
  EXPECT_EQ(distance(model->weight("embed.W_E"), model->unembedding().weight),
            distance(file.tensor("model.embed_tokens.weight"), file.tensor("lm_head.weight")));
}

TEST(Weights, HaveTheShapesOfTheirNames) {
  const auto model = Model::open(testing::data_folder() + "/models/llama-gqa");
  EXPECT_EQ(model->weight("blocks.1.attn.W_Q").sizes(), at::IntArrayRef({4, 24, 6}));
  EXPECT_EQ(model->weight("blocks.1.attn.W_K").sizes(), at::IntArrayRef({2, 24, 6}));
  EXPECT_EQ(model->weight("blocks.1.attn.W_O").sizes(), at::IntArrayRef({4, 6, 24}));
  EXPECT_EQ(model->weight("blocks.0.mlp.W_gate").sizes(), at::IntArrayRef({24, 40}));
  EXPECT_FALSE(model->weight("blocks.0.attn.b_Q").defined());
  EXPECT_THROW(model->weight("pos_embed.W_pos"), UsageError);
  EXPECT_THROW(model->weight("blocks.2.attn.W_Q"), UsageError);
  EXPECT_THROW(model->weight("blocks.x.attn.W_Q"), UsageError);
}

TEST(Weights, OfExpertsAndOfQueryKeyNormsHaveTheirNames) {
  const std::string models = testing::data_folder() + "/models/";
  const auto mixtral = Model::open(models + "mixtral");
  EXPECT_EQ(mixtral->weight("blocks.1.mlp.W_gate").sizes(), at::IntArrayRef({16, 4}));
  EXPECT_EQ(mixtral->weight("blocks.1.mlp.experts.3.W_in").sizes(), at::IntArrayRef({16, 20}));
  EXPECT_EQ(mixtral->weight("blocks.1.mlp.experts.3.W_out").sizes(), at::IntArrayRef({20, 16}));
  EXPECT_THROW(mixtral->weight("blocks.1.mlp.experts.4.W_in"), UsageError);
  EXPECT_THROW(mixtral->weight("blocks.1.mlp.W_in"), UsageError);
  EXPECT_EQ(Model::open(models + "qwen3")->weight("blocks.0.attn.q_norm.w").sizes(),
            at::IntArrayRef({8}));
  EXPECT_EQ(Model::open(models + "olmo2")->weight("blocks.0.attn.k_norm.w").sizes(),
            at::IntArrayRef({12}));
  EXPECT_EQ(Model::open(models + "stablelm-parallel")->weight("blocks.0.attn.q_norm.w").sizes(),
            at::IntArrayRef({4, 8}));
}

TEST(Weights, OfAGainStoredLessOneAreGainsAsApplied) {
  const std::string folder = testing::data_folder() + "/models/gemma";
  ModelOptions half;
  half.dtype = at::kBFloat16;
  const at::Tensor gain = Model::open(folder, half)->weight("blocks.0.ln1.w");
  const SafetensorsFile file(folder + "/model.safetensors");
  const at::Tensor stored = file.tensor("model.layers.0.input_layernorm.weight");
  EXPECT_EQ(gain.scalar_type(), at::kFloat);  // in bfloat16 one plus a small number loses it
  EXPECT_TRUE(at::equal(gain, stored.to(at::kBFloat16).to(at::kFloat).add(1.0)));
}

TEST(Weights, OfAttentionGiveItsQueriesAndOutputs) {
  const auto model = Model::open(testing::data_folder() + "/models/gpt2");
  const TokenBatch batch{at::tensor({1, 2, 3}, at::kLong).unsqueeze(0), {}};
  const auto seen = run_with_cache(*model, batch, {"blocks.0.ln1.*", "blocks.0.attn.*"}).cache;
  const at::Tensor x = seen["blocks.0.ln1.hook_normalized"]
                           .mul(model->weight("blocks.0.ln1.w"))
                           .add(model->weight("blocks.0.ln1.b"));
  const at::Tensor q = at::einsum("bpd,hde->bphe", {x, model->weight("blocks.0.attn.W_Q")})
                           .add(model->weight("blocks.0.attn.b_Q"));
  const at::Tensor result = at::einsum(
      "bphe,hed->bphd", {seen["blocks.0.attn.hook_z"], model->weight("blocks.0.attn.W_O")});
  // Sums of 24 products of size 1 in float32.
  EXPECT_TRUE(at::allclose(q, seen["blocks.0.attn.hook_q"], 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(result, seen["blocks.0.attn.hook_result"], 1e-5, 1e-5));
}

TEST(OpeningAModel, NamesTheTensorThatHoldsNaNOrAnInfinityAndItsPlace) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    ChangedCheckpoint checkpoint("llama");
    for (auto& [name, tensor] : checkpoint.tensors) tensor = tensor.to(type).clone();
    checkpoint.tensors["model.norm.weight"][3] = -INFINITY;
    EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("lensbench-test-"),
                                          HasSubstr("model.norm.weight holds an infinity at [3]")));
    checkpoint.tensors["model.norm.weight"][3] = 1.0;
    checkpoint.tensors["model.layers.1.mlp.down_proj.weight"][2][5] = NAN;
    EXPECT_THAT(checkpoint.fault(), HasSubstr("down_proj.weight holds NaN at [2, 5]"));
  }
}

TEST(OpeningAModel, TellsWhatItIsWithoutReadingItsWeights) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.tensors["model.norm.weight"] = checkpoint.tensors["model.norm.weight"].clone();
  checkpoint.tensors["model.norm.weight"][0] = NAN;
  EXPECT_EQ(open_without_reading(checkpoint.write())->spec().n_layers, 2);
}

TEST(OpeningAModel, RefusesValuesThatItsElementTypeCannotHold) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.tensors["lm_head.weight"] = checkpoint.tensors["lm_head.weight"].clone();
  checkpoint.tensors["lm_head.weight"][1][0] = 70000.0;  // the largest float16 is 65504
  ModelOptions half;
  half.dtype = at::kHalf;
  EXPECT_NO_THROW(checkpoint.open());
  EXPECT_THAT(message_of<InputError>([&] { checkpoint.open(half); }),
              AllOf(HasSubstr("lm_head.weight"), HasSubstr("70000"), HasSubstr("bfloat16")));
}

TEST(OpeningAModel, RefusesNoLayers) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["num_hidden_layers"] = 0;
  EXPECT_THAT(checkpoint.fault(),
              AllOf(HasSubstr("config.json"),
                    HasSubstr("field num_hidden_layers: expected a whole number from 1"),
                    HasSubstr("found 0")));
}

/// A tokenizer of three letters in the folder of the sample of 61 tokens.
constexpr const char* kLetters =
    R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": ID}, "merges": []}})";

std::string letters(const std::string& id) {
  std::string text = kLetters;
  return text.replace(text.find("ID"), 2, id);
}

TEST(OpeningAModel, TakesAnEmbeddingPaddedBeyondTheTokenizer) {
  const ChangedCheckpoint checkpoint("llama");
  EXPECT_EQ(to_tokens(*checkpoint.open_with(letters("2")), "abc").ids,
            (std::vector<std::int64_t>{0, 1, 2}));
}

TEST(OpeningAModel, RefusesATokenOfTheTokenizerThatHasNoEmbedding) {
  const ChangedCheckpoint checkpoint("llama");
  const auto model = checkpoint.open_with(letters("61"));
  EXPECT_NO_THROW(to_tokens(*model, "ab"));
  EXPECT_THAT(message_of<InputError>([&] { to_tokens(*model, "abc"); }),
              AllOf(HasSubstr("the id 61 (\"c\")"), HasSubstr("vocab_size of config.json is 61")));
}

TEST(OpeningAModel, RefusesATextLongerThanItsTableOfPositions) {
  const ChangedCheckpoint checkpoint("gpt2");
  const auto model = checkpoint.open();
  const auto limit = model->spec().max_positions;
  const TokenBatch fits{at::zeros({1, limit}, at::kLong), {}};
  const TokenBatch longer{at::zeros({1, limit + 1}, at::kLong), {}};
  EXPECT_NO_THROW(model->forward(fits));
  EXPECT_THAT(message_of<InputError>([&] { model->forward(longer); }),
              AllOf(HasSubstr(std::to_string(limit + 1) + " tokens"),
                    HasSubstr(std::to_string(limit) + " positions")));
}

TEST(OpeningAModel, RunsBeyondThePositionsThatARotaryModelWasMadeFor) {
  const auto model = ChangedCheckpoint("llama").open();
  const TokenBatch longer{at::zeros({1, model->spec().max_positions + 1}, at::kLong), {}};
  EXPECT_NO_THROW(model->forward(longer));
}

TEST(FiniteCheck, FindsTheFirstInAnyTypeAtAnyPlace) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16, at::kDouble})
    for (const std::int64_t place : {0, 1, 2, 3, 7, 8, 30, 31, 32}) {
      const at::Tensor clean = at::full({33}, -65504.0, type), bad = clean.clone();
      EXPECT_FALSE(find_non_finite({clean, clean}));
      bad[32] = INFINITY;
      bad[place] = NAN;
      const auto found = find_non_finite({clean, bad, bad});
      ASSERT_TRUE(found);
      EXPECT_EQ(found->tensor, 1u);
      EXPECT_EQ(found->element, place);
    }
}

TEST(FiniteCheck, LooksAtEveryStretchOfALargeTensor) {
  at::Tensor large = at::ones({3 * (1 << 20) + 5}, at::kFloat);
  EXPECT_FALSE(find_non_finite({large}));
  large[large.numel() - 1] = NAN;
  EXPECT_EQ(find_non_finite({large})->element, large.numel() - 1);
  large[(1 << 20) + 3] = -INFINITY;
  EXPECT_EQ(find_non_finite({large})->element, (1 << 20) + 3);
}

}  // namespace
}  // namespace lensbench
