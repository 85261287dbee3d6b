#include "model/weights/create_checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/random.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "checkpoint/weights/safetensors.hpp"
#include "model/families/family.hpp"
#include "model/runtime/threads.hpp"
#include "model/weights/random_fill.hpp"
#include "model/weights/weight_sources.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using lensbench::testing::message_of;
using lensbench::testing::TempDir;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

json sample_config(const std::string& name) {
  return json::parse(read(fs::path(testing::data_folder()) / "models" / name / "config.json"));
}

/// Large enough that a standard deviation says something.
json wide_gpt2() {
  json config = sample_config("gpt2");
  config.update({{"n_embd", 256}, {"n_layer", 8}, {"vocab_size", 1000}});
  return config;
}

json wide_llama() {
  json config = sample_config("llama");
  config.update({{"hidden_size", 256}, {"vocab_size", 1000}, {"pad_token_id", 7}});
  return config;
}

/// A request in a folder of its own.
class Creation {
 public:
  explicit Creation(const json& config) {
    request.config = folder_.write("given.json", config.dump(1));
    request.directory = folder_ / "model";
  }
  SafetensorsFile create() const {
    create_checkpoint(request);
    return SafetensorsFile(request.directory / "model.safetensors");
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  NewCheckpoint request;

 private:
  TempDir folder_;
};

double deviation(const at::Tensor& tensor) {
  return tensor.to(at::kDouble).std().item<double>();
}

TEST(FillingWithNormalNumbers, FollowsTheGeneratorOfThisSeedAndStream) {
  at::Tensor tensor = at::empty({6}, at::kFloat);
  fill_normal(tensor, 1.0, 11, 5);
  Philox generator(11, 5);  // takes the cosine of each block of four words
  for (std::int64_t i = 0; i < 6; i += 2)
    EXPECT_EQ(tensor[i].item<float>(), static_cast<float>(generator.normal()));
}

TEST(FillingWithNormalNumbers, HasMeanVarianceAndTailsOfTheNormalDistribution) {
  constexpr std::int64_t n = 1 << 20;
  at::Tensor tensor = at::empty({n}, at::kFloat);
  fill_normal(tensor, 0.5, 1, 2);
  const at::Tensor x = tensor.to(at::kDouble) / 0.5;
  const double error = 1.0 / std::sqrt(static_cast<double>(n));  // standard error of the mean
  EXPECT_NEAR(x.mean().item<double>(), 0.0, 5 * error);
  EXPECT_NEAR(x.square().mean().item<double>(), 1.0, 5 * error * std::sqrt(2.0));
  EXPECT_NEAR(x.pow(4).mean().item<double>(), 3.0, 5 * error * std::sqrt(96.0));
  // 4.55 % of a normal distribution is beyond two standard deviations.
  EXPECT_NEAR((x.abs() > 2.0).to(at::kDouble).mean().item<double>(), 0.0455, 5 * error * 0.21);
  // Neighbours come from one block: sine and cosine must not be correlated.
  const at::Tensor pairs = x.view({n / 2, 2});
  EXPECT_NEAR((pairs.select(1, 0) * pairs.select(1, 1)).mean().item<double>(), 0.0, 8 * error);
}

TEST(CreatingACheckpoint, GivesTheSameBytesOnAnyNumberOfThreads) {
  const int before = thread_report().threads;
  Creation one(wide_gpt2()), four(wide_gpt2());
  one.request.seed = four.request.seed = 9;
  set_threads(1);
  one.create();
  set_threads(4);
  four.create();
  set_threads(before);
  EXPECT_EQ(read(one.request.directory / "model.safetensors"),
            read(four.request.directory / "model.safetensors"));
}

TEST(CreatingACheckpoint, DrawsOtherNumbersForAnotherSeedAndAnotherTensor) {
  Creation first(sample_config("llama")), second(sample_config("llama"));
  second.request.seed = 1;
  const auto a = first.create(), b = second.create();
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const std::string o = "model.layers.0.self_attn.o_proj.weight";
  EXPECT_FALSE(at::equal(a.tensor(q), b.tensor(q)));
  EXPECT_FALSE(at::equal(a.tensor(q), a.tensor(o)));
}

TEST(CreatingACheckpoint, KeepsATensorWhenOthersAreAdded) {
  json deeper = sample_config("llama");
  deeper["num_hidden_layers"] = 3;
  const auto a = Creation(sample_config("llama")).create(), b = Creation(deeper).create();
  const std::string name = "model.layers.1.mlp.down_proj.weight";
  EXPECT_TRUE(at::equal(a.tensor(name), b.tensor(name)));
}

// Hugging Face, GPT2PreTrainedModel._init_weights: normal(0, initializer_range); projections into
// the residual stream divided by sqrt(2 n_layer); biases zero, gains one. A standard deviation of n
// numbers has a relative error of 1/sqrt(2 n); here n is at least 2^16, so 1 % is more than 3.
TEST(CreatingACheckpoint, ScalesGpt2sResidualProjectionsWithDepth) {
  const auto file = Creation(wide_gpt2()).create();
  const std::string h = "transformer.h.3.";
  EXPECT_NEAR(deviation(file.tensor("transformer.wte.weight")), 0.02, 2e-4);
  EXPECT_NEAR(deviation(file.tensor(h + "attn.c_attn.weight")), 0.02, 2e-4);
  EXPECT_NEAR(deviation(file.tensor(h + "attn.c_proj.weight")), 0.02 / 4.0, 5e-5);
  EXPECT_NEAR(deviation(file.tensor(h + "mlp.c_proj.weight")), 0.02 / 4.0, 5e-5);
  EXPECT_TRUE(at::equal(file.tensor(h + "ln_1.weight"), at::ones({256})));
  EXPECT_TRUE(at::equal(file.tensor(h + "attn.c_attn.bias"), at::zeros({768})));
}

TEST(CreatingACheckpoint, FollowsTheRangeOfTheConfiguration) {
  json config = wide_llama();
  config["initializer_range"] = 0.1;
  const auto file = Creation(config).create();
  EXPECT_NEAR(deviation(file.tensor("lm_head.weight")), 0.1, 1e-3);
}

TEST(CreatingACheckpoint, LeavesThePaddingRowOfTheEmbeddingZero) {
  const auto file = Creation(wide_llama()).create();
  const at::Tensor embedding = file.tensor("model.embed_tokens.weight");
  EXPECT_EQ(embedding[7].abs().max().item<float>(), 0.0f);
  EXPECT_GT(embedding[8].abs().max().item<float>(), 0.0f);
  EXPECT_GT(file.tensor("lm_head.weight")[7].abs().max().item<float>(), 0.0f);
}

TEST(CreatingACheckpoint, RefusesAPaddingTokenBeyondTheVocabulary) {
  json config = sample_config("llama");
  config["pad_token_id"] = 61;
  Creation creation(config);
  EXPECT_THAT(
      message_of<InputError>([&] { creation.create(); }),
      AllOf(HasSubstr("given.json"), HasSubstr("field pad_token_id: is 61"), HasSubstr("null")));
  EXPECT_EQ(creation.files(), 1u);  // the configuration itself
}

// Hugging Face, PreTrainedModel._init_weights: tower and text model each have a range of their own
// in their part of the configuration; gains are one and biases zero in both. At least 2^16 numbers.
TEST(CreatingACheckpoint, FollowsTheRangesOfTextModelAndVisionTower) {
  json config =
      json::parse(read(fs::path(testing::data_folder()) / "vision_models/qwen2_5_vl/config.json"));
  config["text_config"].update({{"vocab_size", 4096}, {"initializer_range", 0.1}});
  config["vision_config"].update(
      {{"hidden_size", 128}, {"intermediate_size", 512}, {"initializer_range", 0.03}});
  const auto file = Creation(config).create();
  EXPECT_NEAR(deviation(file.tensor("visual.patch_embed.proj.weight")), 0.03, 3e-4);
  EXPECT_NEAR(deviation(file.tensor("visual.blocks.1.mlp.up_proj.weight")), 0.03, 3e-4);
  EXPECT_NEAR(deviation(file.tensor("visual.merger.mlp.0.weight")), 0.03, 3e-4);
  EXPECT_NEAR(deviation(file.tensor("lm_head.weight")), 0.1, 1e-3);
  EXPECT_TRUE(at::equal(file.tensor("visual.merger.ln_q.weight"), at::ones({128})));
  EXPECT_TRUE(at::equal(file.tensor("visual.blocks.0.attn.qkv.bias"), at::zeros({384})));
  // The row of the padding token, which the text model's part names.
  EXPECT_EQ(file.tensor("model.embed_tokens.weight")[0].abs().max().item<float>(), 0.0f);
}

TEST(CreatingACheckpoint, WritesOneTensorForATiedUnembedding) {
  const auto tied = Creation(sample_config("llama-tied")).create();
  EXPECT_FALSE(tied.entries().contains("lm_head.weight"));
  const auto untied = Creation(sample_config("gpt2-untied")).create();
  EXPECT_TRUE(untied.entries().contains("lm_head.weight"));
}

TEST(CreatingACheckpoint, CopiesTheConfigurationAndStatesTheTypeWritten) {
  json config = sample_config("gpt2");
  config["dtype"] = "float32";
  Creation same(config), other(config);
  same.create();
  EXPECT_EQ(read(same.request.directory / "config.json"), read(same.request.config));
  other.request.dtype = at::kBFloat16;
  const auto file = other.create();
  EXPECT_EQ(file.entries().begin()->second.dtype, at::kBFloat16);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  config["dtype"] = "bfloat16";
  EXPECT_EQ(json::parse(read(other.request.directory / "config.json")), config);
}

// The samples were written by save_pretrained.
TEST(CreatingACheckpoint, NamesTheArchitectureOfTransformersWhereTheConfigurationDoesNot) {
  for (const auto& entry : fs::directory_iterator(fs::path(testing::data_folder()) / "models")) {
    const json saved = sample_config(entry.path().filename());
    json config = saved;
    config.erase("architectures");
    const Creation creation(config);
    creation.create();
    EXPECT_EQ(json::parse(read(creation.request.directory / "config.json"))["architectures"],
              saved["architectures"])
        << entry.path();
  }
}

TEST(CreatingACheckpoint, TakesTheTypeOfTheConfiguration) {
  json config = sample_config("gpt2");
  config.erase("dtype");
  config["torch_dtype"] = "float16";
  EXPECT_EQ(Creation(config).create().entries().begin()->second.dtype, at::kHalf);
  config["torch_dtype"] = "int8";
  Creation creation(config);
  EXPECT_THAT(message_of<InputError>([&] { creation.create(); }), HasSubstr("torch_dtype"));
}

TEST(CreatingACheckpoint, GivesAModelThatOpensAndRuns) {
  for (const char* name : {"gpt2", "llama-gqa", "llama-biases"}) {
    Creation creation(sample_config(name));
    creation.create();
    const auto model = Model::open(creation.request.directory.string());
    const TokenBatch batch{at::tensor({1, 2, 3}, at::kLong).unsqueeze(0), {}};
    EXPECT_TRUE(at::isfinite(model->forward(batch).logits).all().item<bool>()) << name;
  }
}

TEST(CreatingACheckpoint, RefusesAFolderThatHoldsSomething) {
  Creation creation(sample_config("gpt2"));
  fs::create_directory(creation.request.directory);
  creation.create();  // empty: fine
  const std::string before = read(creation.request.directory / "model.safetensors");
  creation.request.seed = 1;
  EXPECT_THAT(message_of<UsageError>([&] { creation.create(); }), HasSubstr("exists already"));
  EXPECT_EQ(read(creation.request.directory / "model.safetensors"), before);
}

TEST(CreatingACheckpoint, LeavesNothingWhenItCannotBeWritten) {
  Creation creation(wide_gpt2());
  {
    const testing::FileSizeLimit limit(1 << 16);
    EXPECT_THROW(creation.create(), RunError);
  }
  EXPECT_EQ(creation.files(), 1u);
}

TEST(CreatingACheckpoint, RefusesAnUnknownFamilyAndAModelBeyondAnyDisk) {
  json config = sample_config("gpt2");
  config["model_type"] = "perceiver";
  EXPECT_THROW(Creation(config).create(), InputError);
  config = sample_config("llama");
  config.update({{"hidden_size", 1 << 22}, {"intermediate_size", 1 << 24}});
  EXPECT_THAT(message_of<InputError>([&] { Creation(config).create(); }),
              HasSubstr("parameters, but at most"));
}

}  // namespace
}  // namespace lensbench
