#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "changed_sample.hpp"
#include "model/families/family.hpp"
#include "model/weights/weight_sources.hpp"
#include "support/folders.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

// -- names that vary between checkpoints

TEST(BertCheckpoint, MayUseTheFirstNamesOfNormsAndHoldPoolerAndNextSentenceHead) {
  ChangedSample checkpoint("bert");
  checkpoint.rename("LayerNorm.weight", "LayerNorm.gamma");
  checkpoint.rename("LayerNorm.bias", "LayerNorm.beta");
  checkpoint.tensors["bert.pooler.dense.weight"] = at::zeros({24, 24});
  checkpoint.tensors["bert.pooler.dense.bias"] = at::zeros({24});
  checkpoint.tensors["cls.seq_relationship.weight"] = at::zeros({2, 24});
  checkpoint.tensors["bert.embeddings.position_ids"] = at::arange(64).unsqueeze(0);
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(BertCheckpoint, MayHoldTheTiedDecoderAsWell) {
  ChangedSample checkpoint("bert");
  checkpoint.tensors["cls.predictions.decoder.weight"] =
      checkpoint.tensors.at("bert.embeddings.word_embeddings.weight");
  checkpoint.tensors["cls.predictions.decoder.bias"] =
      checkpoint.tensors.at("cls.predictions.bias");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(BertCheckpoint, OfAnotherArchitectureIsRefusedByName) {
  ChangedSample checkpoint("bert");
  checkpoint.config["architectures"] = {"BertForSequenceClassification"};
  EXPECT_THAT(checkpoint.fault(),
              AllOf(HasSubstr("architectures"), HasSubstr("BertForSequenceClassification"),
                    HasSubstr("ForMaskedLM")));
}

TEST(RobertaCheckpoint, MayHoldPositionIdsAndPooler) {
  ChangedSample checkpoint("roberta");
  checkpoint.tensors["roberta.embeddings.position_ids"] = at::arange(128).unsqueeze(0);
  checkpoint.tensors["roberta.pooler.dense.weight"] = at::zeros({24, 24});
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(BloomCheckpoint, MayLeaveOutThePrefixAndSpellItsSizesAsPublished) {
  ChangedSample checkpoint("bloom");
  checkpoint.rename("transformer.", "");
  checkpoint.config["n_embed"] = checkpoint.config["hidden_size"];
  checkpoint.config["num_attention_heads"] = checkpoint.config["n_head"];
  checkpoint.config.erase("hidden_size");
  checkpoint.config.erase("n_head");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(Gpt2Checkpoint, MaySpellItsSizesAsOtherFamiliesDo) {
  ChangedSample checkpoint("gpt2");
  for (const auto& [own, other] :
       {std::pair{"n_embd", "hidden_size"}, std::pair{"n_head", "num_attention_heads"},
        std::pair{"n_layer", "num_hidden_layers"},
        std::pair{"n_positions", "max_position_embeddings"}}) {
    checkpoint.config[other] = checkpoint.config[own];
    checkpoint.config.erase(own);
  }
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(NeoxCheckpoint, MayHoldTheBuffersOfOlderVersions) {
  ChangedSample checkpoint("gpt-neox");
  checkpoint.tensors["gpt_neox.layers.0.attention.bias"] = at::ones({1, 1, 4, 4}, at::kBool);
  checkpoint.tensors["gpt_neox.layers.0.attention.masked_bias"] = at::zeros({});
  checkpoint.tensors["gpt_neox.layers.1.attention.rotary_emb.inv_freq"] = at::zeros({2});
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(NeoxCheckpoint, MayNameItsHeadAsTransformers5Does) {
  ChangedSample checkpoint("gpt-neox");
  checkpoint.rename("embed_out", "lm_head");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(OptCheckpoint, MayLeaveOutThePrefix) {
  ChangedSample checkpoint("opt");
  checkpoint.rename("model.decoder.", "decoder.");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(DistilBertCheckpoint, SpellsItsSizesAsBertIfItLikes) {
  ChangedSample checkpoint("distilbert");
  for (const auto& [own, other] : {std::pair{"dim", "hidden_size"},
                                   {"n_layers", "num_hidden_layers"},
                                   {"n_heads", "num_attention_heads"}}) {
    checkpoint.config[other] = checkpoint.config[own];
    checkpoint.config.erase(own);
  }
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(CodeGenCheckpoint, MayHoldTheMasksOfOlderVersions) {
  ChangedSample checkpoint("codegen");
  checkpoint.tensors["transformer.h.0.attn.causal_mask"] = at::ones({1, 1, 4, 4}, at::kBool);
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(Exaone4Checkpoint, MayWriteItsPatternInLettersNextToTheKindsOfLayers) {
  ChangedSample checkpoint("exaone4");
  checkpoint.config["sliding_window_pattern"] = "LG";
  EXPECT_TRUE(checkpoint.is_unchanged());
  checkpoint.config.erase("layer_types");
  EXPECT_THAT(checkpoint.fault(), HasSubstr("sliding_window_pattern"));
}

// -- settings that change what is computed

struct Refusal {
  const char* sample;
  const char* field;
  json value;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, IsNamed) {
  ChangedSample checkpoint(GetParam().sample);
  checkpoint.config[GetParam().field] = GetParam().value;
  EXPECT_THAT(checkpoint.fault(), HasSubstr(GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Refused,
    ::testing::Values(
        Refusal{"bloom", "apply_residual_connection_post_layernorm", true},
        Refusal{"bloom", "num_attention_heads", 2}, Refusal{"bert", "is_decoder", true},
        Refusal{"bert", "position_embedding_type", "relative_key"},
        Refusal{"roberta", "pad_token_id", 200},
        Refusal{"gpt-neo", "attention_types", {{{"global", "sparse"}, 1}}},
        Refusal{"gpt-neo", "attention_types", {{{"global"}, 1}}},
        Refusal{"gpt-neo", "attention_types", "local"},
        Refusal{"gpt-neo", "attention_layers", {"local", "global"}},
        Refusal{"gptj", "rotary_dim", 3}, Refusal{"gptj", "rotary_dim", 64},
        Refusal{"gpt-neox", "num_attention_heads", 5},
        Refusal{"falcon", "num_ln_in_parallel_attn", 2},
        Refusal{"falcon-40b", "parallel_attn", false}, Refusal{"falcon-40b", "num_kv_heads", 4},
        Refusal{"falcon-rw", "num_kv_heads", 1}, Refusal{"gpt_bigcode", "num_key_value_heads", 4},
        Refusal{"codegen", "rotary_dim", 3}, Refusal{"xglm", "pad_token_id", 5},
        Refusal{"mpt", "attn_config", {{"alibi", false}}}, Refusal{"mpt", "expansion_ratio", 2},
        Refusal{"cohere2", "use_qk_norm", true}, Refusal{"smollm3", "no_rope_layers", {1}},
        Refusal{"ministral3", "rope_parameters", {{"rope_theta", 1e4}}},
        Refusal{"qwen2_moe", "mlp_only_layers", {1}},
        Refusal{"qwen3_moe", "decoder_sparse_step", 2},
        Refusal{"gpt_oss", "quantization_config", {{"quant_method", "mxfp4"}}},
        Refusal{"deepseek_v2", "topk_method", "noaux_tc"},
        Refusal{"deepseek_v2", "norm_topk_prob", true},
        Refusal{"deepseek_v2", "scoring_func", "sigmoid"}, Refusal{"deepseek_v2", "n_group", 4},
        Refusal{"deepseek_v2", "topk_group", 4}, Refusal{"deepseek_v2", "num_key_value_heads", 2},
        Refusal{"deepseek_v2", "moe_layer_freq", 2}, Refusal{"deepseek_v2", "head_dim", 8},
        Refusal{"deepseek_v3", "scoring_func", "softmax"},
        Refusal{"deepseek_v3", "topk_method", "greedy"}, Refusal{"deepseek_v3", "n_group", 6},
        Refusal{"deepseek_v3", "n_group", nullptr}, Refusal{"deepseek_v3", "topk_group", nullptr},
        Refusal{"deepseek_v3", "topk_group", 0}, Refusal{"deepseek_v3", "num_experts_per_tok", 5},
        Refusal{"deepseek_v3", "qk_rope_head_dim", 3}, Refusal{"deepseek_v3", "qk_head_dim", 3},
        Refusal{"deepseek_v3", "n_shared_experts", 0},
        Refusal{"deepseek_v3", "quantization_config", {{"quant_method", "fp8"}}},
        Refusal{"phimoe", "num_experts_per_tok", 1}, Refusal{"phimoe", "num_local_experts", 1},
        Refusal{"phimoe", "router_jitter_noise", -0.1}, Refusal{"phimoe", "layer_types", {"x"}},
        Refusal{"phimoe", "rope_parameters", {{"rope_type", "linear"}, {"factor", 2.0}}},
        Refusal{"llama4", "moe_layers", {0}}, Refusal{"llama4", "no_rope_layers", {1}},
        Refusal{"llama4", "layer_types", {"sliding_attention", "full_attention"}},
        Refusal{"llama4", "attention_chunk_size", nullptr}, Refusal{"llama4", "floor_scale", 0},
        Refusal{"llama", "hidden_act", "xielu"}),
    [](const auto& param_info) { return "Setting" + std::to_string(param_info.index); });

// -- a checkpoint to be made

class Plan : public ::testing::TestWithParam<const char*> {};

// The samples were written by save_pretrained.
TEST_P(Plan, HasTheTensorsThatTransformersSaves) {
  const ChangedSample sample(GetParam());
  const ConfigReader config(sample.config, "config.json");
  const Family& family = find_family(config);
  std::map<std::string, std::vector<std::int64_t>> planned, saved;
  const TransformerSpec spec = family.read_spec(config);
  for (const WeightSource& tensor : weight_sources(family, spec, family.settings(config, spec)))
    planned[tensor.name] = tensor.shape;
  for (const auto& [name, tensor] : sample.tensors) saved[name] = tensor.sizes().vec();
  EXPECT_EQ(planned, saved);
}

std::string identifier(const ::testing::TestParamInfo<const char*>& param_info) {
  std::string name = param_info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Families, Plan,
    ::testing::Values("gpt-neo", "gptj", "gpt-neox", "opt", "opt-350m", "opt-no-bias", "bloom",
                      "falcon", "falcon-40b", "falcon-11b", "falcon-rw", "bert", "bert-untied",
                      "roberta", "distilbert", "starcoder2", "olmo", "cohere", "glm4", "apertus",
                      "gpt_bigcode", "gpt_bigcode-many-heads", "codegen", "xglm", "mpt", "olmoe",
                      "qwen2_moe", "granitemoe", "gpt_oss", "deepseek_v2", "deepseek_v2-lite",
                      "deepseek_v3", "phimoe", "phimoe-longrope", "llama4", "llama4-dense-first"),
    identifier);

// -- weights by name

at::Tensor input_of(const Model& model, std::int64_t layer) {
  const at::Tensor ids = at::arange(9, at::kLong).unsqueeze(0);
  const std::string block = "blocks." + std::to_string(layer) + ".";
  const at::Tensor normalized = run_with_cache(model, {ids, {}}, {block + "ln1.hook_normalized"})
                                    .cache[block + "ln1.hook_normalized"];
  return normalized.mul(model.weight(block + "ln1.w")).add(model.weight(block + "ln1.b"));
}

class Weights : public ::testing::TestWithParam<const char*> {};

TEST_P(Weights, OfQueriesKeysAndValuesMakeTheHookedOnes) {
  const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
  const at::Tensor x = input_of(*model, 1);
  const auto seen =
      run_with_cache(*model, {at::arange(9, at::kLong).unsqueeze(0), {}}, {"blocks.1.attn.hook_?"})
          .cache;
  for (const std::string letter : {"q", "k", "v"}) {
    const std::string upper(1, static_cast<char>(letter[0] - 'a' + 'A'));
    const at::Tensor weight = model->weight("blocks.1.attn.W_" + upper);
    const at::Tensor bias = model->weight("blocks.1.attn.b_" + upper);
    at::Tensor expected = at::einsum("bpd,hde->bphe", {x, weight});
    if (bias.defined()) expected = expected.add(bias);
    EXPECT_TRUE(at::allclose(seen["blocks.1.attn.hook_" + letter], expected, 1e-4, 1e-5)) << letter;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Weights,
                         ::testing::Values("gpt-neo", "gptj", "gpt-neox", "bloom", "falcon",
                                           "falcon-40b", "falcon-rw", "opt", "starcoder2",
                                           "gpt_bigcode", "gpt_bigcode-many-heads", "codegen",
                                           "xglm"),
                         identifier);

TEST(Weights, OfPositionsLeaveOutTheRowsInFrontOfTheFirst) {
  const ChangedSample checkpoint("opt");
  const at::Tensor table = checkpoint.tensors.at("model.decoder.embed_positions.weight");
  EXPECT_TRUE(checkpoint.open()->weight("pos_embed.W_pos").equal(table.narrow(0, 2, 64)));
}

TEST(Weights, OfAProjectedEmbeddingHaveItsWidth) {
  const auto model = ChangedSample("opt-350m").open();
  EXPECT_EQ(model->weight("embed.W_E").sizes(), at::IntArrayRef({61, 16}));
  EXPECT_EQ(model->weight("embed.W_proj").sizes(), at::IntArrayRef({16, 24}));
  EXPECT_EQ(model->weight("unembed.W_proj").sizes(), at::IntArrayRef({24, 16}));
  EXPECT_EQ(model->final_norm(at::zeros({2, 24})).sizes(), at::IntArrayRef({2, 16}));
}

}  // namespace
}  // namespace lensbench
