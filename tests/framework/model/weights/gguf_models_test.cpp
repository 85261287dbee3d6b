#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/gguf/gguf_header.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/stored_model.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::largest;
using testing::largest_difference;
using testing::message_of;

std::string gguf_folder() {
  return testing::data_folder() + "/gguf/llama";
}

TEST(GgufModel, HasTheLogitsOfTransformersForItsValues) {
  const SafetensorsFile expected(gguf_folder() + "/expected.safetensors");
  const at::Tensor logits = expected.tensor("logits");
  const auto model = Model::open(gguf_folder());
  EXPECT_LT(largest_difference(model->forward({expected.tensor("ids"), {}}).logits, logits),
            5e-5 * std::max(1.0, largest(logits)));
  EXPECT_THAT(notes_of(*model), Contains(HasSubstr("quantized weights (gguf)")));
}

TEST(GgufModel, HasItsWeightsByNameInTheTypeOfTheModel) {
  const SafetensorsFile expected(gguf_folder() + "/expected.safetensors");
  ModelOptions options;
  options.dtype = at::kBFloat16;
  const auto model = Model::open(gguf_folder(), options);
  const at::Tensor down = expected.tensor("values.model.layers.0.mlp.down_proj.weight");
  EXPECT_TRUE(at::equal(model->weight("blocks.0.mlp.W_out"), down.t().to(at::kBFloat16)));
  EXPECT_EQ(model->weight("embed.W_E").scalar_type(), at::kBFloat16);
}

TEST(GgufModel, CountsItsParametersByType) {
  const StoredModel stored = open_as_stored(gguf_folder());
  // Embedding, and values of one head of 16 rows: 256 columns each.
  EXPECT_EQ(stored.elements_by_dtype.at("Q6_K"), (24 + 16) * 256);
}

TEST(GgufModel, WithAScaleThatIsNotFiniteIsRefused) {
  const testing::TempDir folder;
  std::ifstream config(gguf_folder() + "/config.json");
  std::ifstream file(gguf_folder() + "/tiny.gguf", std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  const GgufHeader header = parse_gguf_header(bytes, "tiny.gguf");
  const std::size_t block = header.data_begin + header.tensors.at("blk.0.ffn_down.weight").begin;
  bytes[block + 34] = '\x00';  // the second block's scale: an infinity of float16
  bytes[block + 35] = '\x7c';
  folder.write("config.json", std::string(std::istreambuf_iterator<char>(config), {}));
  folder.write("tiny.gguf", bytes);
  EXPECT_THAT(message_of<InputError>([&] { Model::open(folder.path().string()); }),
              HasSubstr("model.layers.0.mlp.down_proj.weight has a scale that is not finite in the "
                        "block at [1, 0]"));
}

TEST(GgufModel, OfAnotherShapeThanItsConfigurationIsRefused) {
  const testing::TempDir folder;
  nlohmann::json config = nlohmann::json::parse(std::ifstream(gguf_folder() + "/config.json"));
  config["intermediate_size"] = 64;
  folder.write("config.json", config.dump());
  std::ifstream file(gguf_folder() + "/tiny.gguf", std::ios::binary);
  folder.write("tiny.gguf", std::string(std::istreambuf_iterator<char>(file), {}));
  EXPECT_THAT(message_of<InputError>([&] { Model::open(folder.path().string()); }),
              HasSubstr("mlp.gate_proj.weight has shape [32, 256], expected [64, 256]"));
}

}  // namespace
}  // namespace lensbench
