#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "model/forward/transformer_model.hpp"
#include "support/changed_checkpoint.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

// Folders as people have them: what changes no logit opens and gives the logits of transformers;
// what is something else is named.

namespace lensbench {
namespace {

using lensbench::testing::ChangedCheckpoint;
using lensbench::testing::largest_difference;
using lensbench::testing::sample_models;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// float32 against logits that transformers computed in float64 (the parity contract).
void expect_logits_of_transformers(const Model& model, const std::string& sample) {
  const SafetensorsFile expected(testing::data_folder() + "/models/" + sample +
                                 "/expected.safetensors");
  const at::Tensor logits = expected.tensor("logits");
  const double scale = std::max(1.0, logits.abs().max().item<double>());
  EXPECT_LT(largest_difference(model.forward({expected.tensor("ids"), {}}).logits, logits),
            5e-5 * scale)
      << sample;
}

class EverySample : public ::testing::TestWithParam<std::string> {};

TEST_P(EverySample, LeavesOutAndListsHeadsThatTrainingAdded) {
  ChangedCheckpoint checkpoint(GetParam());
  checkpoint.tensors["score.weight"] = at::ones({2, 3});
  checkpoint.tensors["v_head.summary.bias"] = at::full({1}, NAN);
  const auto model = checkpoint.open();
  expect_logits_of_transformers(*model, GetParam());
  EXPECT_THAT(notes_of(*model),
              ElementsAre(AllOf(HasSubstr("score.weight"), HasSubstr("v_head.summary.bias"))));
}

TEST_P(EverySample, StillRefusesATensorThatNobodyKnows) {
  ChangedCheckpoint checkpoint(GetParam());
  checkpoint.tensors["surplus.weight"] = at::ones({2, 3});
  EXPECT_THAT(checkpoint.fault(), HasSubstr("not part of this model: surplus.weight"));
}

TEST_P(EverySample, NamesThePrefixThatTorchCompileAdds) {
  ChangedCheckpoint checkpoint(GetParam());
  std::map<std::string, at::Tensor> wrapped;
  for (const auto& [name, tensor] : checkpoint.tensors) wrapped["_orig_mod." + name] = tensor;
  checkpoint.tensors = wrapped;
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("'_orig_mod.'"), HasSubstr("torch.compile")));
}

TEST_P(EverySample, NamesABeginningOfTheNamesThatNobodyKnows) {
  ChangedCheckpoint checkpoint(GetParam());
  std::map<std::string, at::Tensor> held;
  for (const auto& [name, tensor] : checkpoint.tensors) held["student." + name] = tensor;
  checkpoint.tensors = held;
  EXPECT_THAT(checkpoint.fault(),
              AllOf(HasSubstr("with 'student.' before their names"), Not(HasSubstr("missing:"))));
}

INSTANTIATE_TEST_SUITE_P(RealFolders, EverySample, ::testing::ValuesIn(sample_models()),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// A name in a model of which each block was compiled: `layers.0._orig_mod.mlp.up_proj.weight`.
std::string in_compiled_block(const std::string& name) {
  const std::string blocks = "layers.";
  const auto at = name.find(blocks);
  if (at == std::string::npos) return name;
  const auto dot = name.find('.', at + blocks.size());
  return name.substr(0, dot + 1) + "_orig_mod." + name.substr(dot + 1);
}

TEST(RealFolders, NameWhatTorchCompileAddsToEachBlock) {
  ChangedCheckpoint checkpoint("llama-tied");
  std::map<std::string, at::Tensor> compiled;
  for (const auto& [name, tensor] : checkpoint.tensors) compiled[in_compiled_block(name)] = tensor;
  checkpoint.tensors = compiled;
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("contain '_orig_mod.'"),
                                        HasSubstr("torch.compile"), Not(HasSubstr("missing:"))));
}

TEST(RealFolders, NameBothModelsOfWhichOneFileHoldsTheTensors) {
  ChangedCheckpoint checkpoint("llama-tied");
  std::map<std::string, at::Tensor> both;
  for (const auto& [name, tensor] : checkpoint.tensors)
    for (const char* holder : {"student.", "teacher."}) both[holder + name] = tensor;
  checkpoint.tensors = both;
  EXPECT_THAT(checkpoint.fault(), HasSubstr("with 'student.' or 'teacher.' before their names"));
}

struct TiedPair {
  const char *sample, *embedding, *unembedding;
};

class EveryTiedSample : public ::testing::TestWithParam<TiedPair> {};

// safetensors.torch.save_model keeps one name of a shared tensor, whichever comes first.
TEST_P(EveryTiedSample, OpensUnderTheOtherNameOfThePair) {
  const auto& [sample, embedding, unembedding] = GetParam();
  ChangedCheckpoint checkpoint(sample);
  ASSERT_TRUE(checkpoint.tensors.contains(embedding)) << sample;
  checkpoint.tensors[unembedding] = checkpoint.tensors[embedding];
  checkpoint.tensors.erase(embedding);
  expect_logits_of_transformers(*checkpoint.open(), sample);
}

INSTANTIATE_TEST_SUITE_P(
    RealFolders, EveryTiedSample,
    ::testing::Values(TiedPair{"llama-tied", "model.embed_tokens.weight", "lm_head.weight"},
                      TiedPair{"gpt2", "transformer.wte.weight", "lm_head.weight"},
                      TiedPair{"gemma2", "model.embed_tokens.weight", "lm_head.weight"},
                      TiedPair{"bloom", "transformer.word_embeddings.weight", "lm_head.weight"},
                      TiedPair{"opt", "model.decoder.embed_tokens.weight", "lm_head.weight"},
                      TiedPair{"bert", "bert.embeddings.word_embeddings.weight",
                               "cls.predictions.decoder.weight"}),
    [](const auto& param_info) {
      std::string name = param_info.param.sample;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(RealFolders, MayHoldInfinitiesInBuffersThatNothingReads) {
  ChangedCheckpoint checkpoint("gpt-neox");
  const std::string attention = "gpt_neox.layers.0.attention.";
  checkpoint.tensors[attention + "masked_bias"] = at::full({}, -INFINITY);
  checkpoint.tensors[attention + "bias"] = at::ones({1, 1, 8, 8}, at::kByte);
  checkpoint.tensors[attention + "rotary_emb.inv_freq"] = at::full({2}, NAN);
  expect_logits_of_transformers(*checkpoint.open(), "gpt-neox");
}

TEST(RealFolders, MayHaveAnEmptyRopeScaling) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["rope_scaling"] = nlohmann::json::object();
  expect_logits_of_transformers(*checkpoint.open(), "llama");
}

TEST(RealFolders, MayHoldTheExpertsOfALayerInOneTensor) {
  ChangedCheckpoint checkpoint("mixtral");
  auto& tensors = checkpoint.tensors;
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    const std::string old = std::string(layer) + "block_sparse_moe.",
                      now = std::string(layer) + "mlp.";
    const auto take = [&](const std::string& name) {
      const at::Tensor tensor = tensors.at(old + name);
      tensors.erase(old + name);
      return tensor;
    };
    std::vector<at::Tensor> inputs, outputs;
    for (int expert = 0; expert < 4; ++expert) {
      const std::string name = "experts." + std::to_string(expert) + ".";
      inputs.push_back(at::cat({take(name + "w1.weight"), take(name + "w3.weight")}));
      outputs.push_back(take(name + "w2.weight"));
    }
    tensors[now + "gate.weight"] = take("gate.weight");
    tensors[now + "experts.gate_up_proj"] = at::stack(inputs);
    tensors[now + "experts.down_proj"] = at::stack(outputs);
  }
  expect_logits_of_transformers(*checkpoint.open(), "mixtral");
}

TEST(RealFolders, AreRefusedWithBothNumbersOfLayers) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["num_hidden_layers"] = 1;
  EXPECT_THAT(checkpoint.fault(), AllOf(HasSubstr("describes 1 layer,"), HasSubstr("have 2")));
}

TEST(RealFolders, OpenWithTheFirstLayersWhereTheyAskForIt) {
  ChangedCheckpoint checkpoint("llama");
  const auto whole = Model::open(lensbench::testing::data_folder() + "/models/llama");
  checkpoint.config["num_hidden_layers"] = 1;
  EXPECT_THAT(checkpoint.fault(), HasSubstr("\"leave_out_layers\": true"));
  checkpoint.config["leave_out_layers"] = true;
  const auto shorter = checkpoint.open();
  EXPECT_EQ(shorter->spec().n_layers, 1);
  const TokenBatch batch{at::tensor({3, 7, 5}, at::kLong).unsqueeze(0), {}};
  ForwardOptions first;
  first.stop_at_layer = 1;
  EXPECT_TRUE(shorter->forward(batch).residual.equal(whole->forward(batch, first).residual));
  // It does not excuse other tensors, nor layers that are absent.
  checkpoint.tensors["model.layers.0.unheard_of.weight"] = at::ones({1});
  EXPECT_THAT(checkpoint.fault(), HasSubstr("not part of this model"));
  checkpoint.tensors.erase("model.layers.0.unheard_of.weight");
  checkpoint.config["num_hidden_layers"] = 3;
  EXPECT_THAT(checkpoint.fault(), HasSubstr("describes 3 layers, but the weights have 2"));
}

TEST(RealFolders, NameANumberThatIsNotFinite) {
  ChangedCheckpoint checkpoint("llama");
  const std::string folder = checkpoint.write();
  std::string text = checkpoint.config.dump();
  text.insert(text.size() - 1, ", \"unused\": NaN, \"rms_norm_eps\": Infinity");
  text.replace(text.find("\"rms_norm_eps\""), std::string("\"rms_norm_eps\"").size(), "\"old\"");
  std::ofstream(folder + "/config.json") << text;
  EXPECT_THAT(testing::message_of<InputError>([&] { Model::open(folder); }),
              AllOf(HasSubstr("rms_norm_eps"), HasSubstr("Infinity")));
}

TEST(RealFolders, NameAGitLfsPointerInPlaceOfAFile) {
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    const ChangedCheckpoint checkpoint("llama");
    const std::string folder = checkpoint.write();
    std::ofstream(folder + "/" + file) << "version https://git-lfs.github.com/spec/v1\n"
                                          "oid sha256:0\nsize 1\n";
    EXPECT_THAT(testing::message_of<InputError>([&] { Model::open(folder); }),
                AllOf(HasSubstr(file), HasSubstr("git lfs pull")));
  }
}

TEST(RealFolders, SayThatTheyHoldAnAdapter) {
  const testing::TempDir folder;
  folder.write("adapter_config.json", "{}");
  EXPECT_THAT(testing::message_of<InputError>([&] { Model::open(folder.path().string()); }),
              AllOf(HasSubstr("is an adapter"), HasSubstr("merge_and_unload")));
}

TEST(RealFolders, SayThatTheIndexOfTheirShardsIsMissing) {
  const ChangedCheckpoint checkpoint("llama");
  const std::string folder = checkpoint.write();
  std::filesystem::rename(folder + "/model.safetensors",
                          folder + "/model-00001-of-00001.safetensors");
  EXPECT_THAT(testing::message_of<InputError>([&] { Model::open(folder); }),
              HasSubstr("the index of the 1 shards, is missing"));
}

TEST(RealFolders, NameAQuantizationByTheWordOfTheirConfiguration) {
  ChangedCheckpoint checkpoint("llama");
  checkpoint.config["quantization"] = {{"bits", 4}, {"group_size", 64}};
  EXPECT_THAT(checkpoint.fault(),
              HasSubstr("config.json: quantization: the weights are quantized"));
}

}  // namespace
}  // namespace lensbench
