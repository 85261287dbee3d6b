#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "changed_sample.hpp"

// Checkpoints of mixtures of experts: names and settings that vary between them.

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Joins the experts of each layer into one tensor, as the modules of transformers 5 hold them.
void join_experts(ChangedSample& checkpoint, std::int64_t layers, std::int64_t experts) {
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.experts.";
    std::vector<at::Tensor> both, down;
    for (std::int64_t expert = 0; expert < experts; ++expert) {
      const auto take = [&](const char* part) {
        const std::string name = prefix + std::to_string(expert) + "." + part + ".weight";
        return checkpoint.tensors.extract(name).mapped();
      };
      both.push_back(at::cat({take("gate_proj"), take("up_proj")}));
      down.push_back(take("down_proj"));
    }
    checkpoint.tensors[prefix + "gate_up_proj"] = at::stack(both);
    checkpoint.tensors[prefix + "down_proj"] = at::stack(down);
  }
}

TEST(QwenMoeCheckpoint, MayHoldItsExpertsInOneTensor) {
  for (const char* sample : {"qwen2_moe", "qwen3_moe", "olmoe"}) {
    ChangedSample checkpoint(sample);
    join_experts(checkpoint, 2, 4);
    EXPECT_TRUE(checkpoint.is_unchanged()) << sample;
  }
}

TEST(DeepSeekCheckpoint, MayHaveAnotherNameForTheNumberOfItsExperts) {
  for (const auto& [sample, name] :
       {std::pair{"deepseek_v2", "num_experts"}, std::pair{"deepseek_v3", "num_local_experts"}}) {
    ChangedSample checkpoint(sample);
    checkpoint.config[name] = checkpoint.config["n_routed_experts"];
    checkpoint.config.erase("n_routed_experts");
    EXPECT_TRUE(checkpoint.is_unchanged()) << sample;
  }
}

TEST(DeepSeekV3Checkpoint, MayEndWithTheLayerThatPredictsAFurtherToken) {
  ChangedSample checkpoint("deepseek_v3");
  checkpoint.tensors["model.layers.61.eh_proj.weight"] = at::zeros({24, 48});
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(GraniteMoeCheckpoint, MayHaveTheNamesOfTheModules) {
  ChangedSample checkpoint("granitemoe");
  checkpoint.rename("input_linear.weight", "experts.gate_up_proj");
  checkpoint.rename("output_linear.weight", "experts.down_proj");
  checkpoint.rename("router.layer.weight", "router.weight");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

/// Joins the experts of each layer of a sample of the Mixtral kind, as the modules of transformers
/// 5 hold them.
void join_mixtral_experts(ChangedSample& checkpoint, std::int64_t layers, std::int64_t experts) {
  checkpoint.rename("block_sparse_moe.", "mlp.");
  for (const auto& [published, part] :
       {std::pair("w1", "gate_proj"), std::pair("w3", "up_proj"), std::pair("w2", "down_proj")})
    checkpoint.rename(std::string(".") + published + ".", std::string(".") + part + ".");
  join_experts(checkpoint, layers, experts);
}

TEST(PhimoeCheckpoint, MayHaveTheNamesOfTheModules) {
  ChangedSample checkpoint("phimoe");
  join_mixtral_experts(checkpoint, 2, 4);
  checkpoint.rename("mlp.gate.", "mlp.router.");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

TEST(PhimoeCheckpoint, NeedsAScaleForEachSetOfRotaryFactors) {
  ChangedSample checkpoint("phimoe-longrope");
  checkpoint.config["rope_scaling"].erase("long_mscale");
  EXPECT_THAT(checkpoint.fault(), HasSubstr("long_mscale"));
}

TEST(PhimoeCheckpoint, HoldsABiasOfTheUnembeddingIfItsConfigurationSaysSo) {
  ChangedSample checkpoint("phimoe");
  checkpoint.tensors.erase("lm_head.bias");
  EXPECT_THAT(checkpoint.fault(), HasSubstr("missing: lm_head.bias"));
  checkpoint.config["lm_head_bias"] = false;
  EXPECT_FALSE(checkpoint.open()->unembedding().bias.defined());
}

// Published folders have an empty list, and the first ones a number.
TEST(Llama4Checkpoint, MayLeaveTheListOfRotationsEmptyAndSayByANumberThatQueriesGrow) {
  ChangedSample checkpoint("llama4");
  checkpoint.config["no_rope_layers"] = json::array();
  checkpoint.config["attn_temperature_tuning"] = 4;
  EXPECT_TRUE(checkpoint.is_unchanged());
  checkpoint.config["attn_temperature_tuning"] = 0;
  EXPECT_FALSE(checkpoint.is_unchanged());
}

TEST(Llama4Checkpoint, IsRefusedWithDenseLayersAfterAMixture) {
  ChangedSample checkpoint("llama4-dense-first");
  checkpoint.config.erase("moe_layers");
  checkpoint.config["interleave_moe_layer_step"] = 2;
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("interleave_moe_layer_step"),
                                        HasSubstr("leaves layer 2 without experts although "
                                                  "layer 1 has them")));
}

TEST(GptOssCheckpoint, HasAnotherNameForTheNumberOfItsExperts) {
  ChangedSample checkpoint("gpt_oss");
  checkpoint.config["num_experts"] = checkpoint.config["num_local_experts"];
  checkpoint.config.erase("num_local_experts");
  EXPECT_TRUE(checkpoint.is_unchanged());
}

}  // namespace
}  // namespace lensbench
