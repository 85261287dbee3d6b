#include "checkpoint/gguf/gguf_weights.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

std::string gguf_sample() {
  return testing::data_folder() + "/gguf/llama";
}

const json kLlama = {{"model_type", "llama"}};

/// tests/parity/make_gguf.py stores the values by a program in numpy, which equal those of
/// transformers.
TEST(GgufWeights, HaveTheValuesOfEveryTypeInTheOrderOfTransformers) {
  const GgufWeights weights(gguf_sample() + "/tiny.gguf", kLlama);
  const SafetensorsFile expected(gguf_sample() + "/expected.safetensors");
  const std::string layer = "model.layers.0.";
  for (const char* name : {"self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"}) {
    const auto matrix = weights.matrix(layer + name + ".weight");
    const at::Tensor read = at::empty({matrix->rows, matrix->columns}, at::kFloat);
    for (std::int64_t row = 0; row < matrix->rows; ++row)
      matrix->read(row, 0, matrix->columns, read[row].data_ptr<float>());
    EXPECT_TRUE(at::equal(read, expected.tensor("values." + layer + name + ".weight"))) << name;
  }
  EXPECT_TRUE(at::equal(weights.tensor(layer + "self_attn.k_proj.weight").to(at::kFloat),
                        expected.tensor("values." + layer + "self_attn.k_proj.weight")));
}

TEST(GgufWeights, ReadAPartOfABlock) {
  const GgufWeights weights(gguf_sample() + "/tiny.gguf", kLlama);
  for (const char* name : {"model.layers.0.self_attn.q_proj.weight",
                           "model.layers.0.self_attn.v_proj.weight", "lm_head.weight"}) {
    const auto matrix = weights.matrix(name);
    const at::Tensor row = at::empty({matrix->columns}, at::kFloat);
    matrix->read(5, 0, matrix->columns, row.data_ptr<float>());
    for (const std::int64_t first : {0, 1, 31, 40, 100}) {
      const at::Tensor part = at::empty({77}, at::kFloat);
      matrix->read(5, first, 77, part.data_ptr<float>());
      EXPECT_TRUE(at::equal(part, row.narrow(0, first, 77))) << name << " " << first;
    }
  }
}

TEST(GgufWeights, HaveTheNamesOfTransformersAndNoRotaryFactors) {
  const GgufWeights weights(gguf_sample() + "/tiny.gguf", kLlama);
  EXPECT_EQ(weights.entries().size(), 12U);
  for (const char* name :
       {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
        "model.layers.0.input_layernorm.weight", "model.layers.0.mlp.gate_proj.weight"})
    EXPECT_TRUE(weights.entries().contains(name)) << name;
  EXPECT_EQ(weights.entries().at("lm_head.weight").unreadable_type, "Q8_0");
}

TEST(GgufWeights, AreRefusedForAModelOfAnotherType) {
  EXPECT_THAT(message_of<InputError>([&] {
                GgufWeights(gguf_sample() + "/tiny.gguf", {{"model_type", "qwen2"}});
              }),
              AllOf(HasSubstr("tiny.gguf: has the architecture 'llama'"), HasSubstr("'qwen2'"),
                    HasSubstr("llama (mistral)")));
}

TEST(GgufWeights, OfBlocksAreNotATensor) {
  const GgufWeights weights(gguf_sample() + "/tiny.gguf", kLlama);
  EXPECT_THAT(message_of<InputError>([&] { weights.tensor("lm_head.weight"); }),
              HasSubstr("has the type Q8_0, expected F32, F16 or BF16"));
  EXPECT_THAT(message_of<InputError>([&] { weights.matrix("model.norm.weight"); }),
              HasSubstr("is not a matrix of blocks"));
}

TEST(GgufWeights, WithoutTheNumberOfHeadsAreRefused) {
  std::ifstream file(gguf_sample() + "/tiny.gguf", std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  const std::string key = "llama.attention.head_count";
  bytes.replace(bytes.find(key), key.size(), "llama.attention.head_other");
  const testing::TempDir folder;
  const auto path = folder.write("tiny.gguf", bytes);
  EXPECT_THAT(message_of<InputError>([&] { GgufWeights(path, kLlama); }),
              HasSubstr("lacks the number llama.attention.head_count,"));
}

}  // namespace
}  // namespace lensbench
