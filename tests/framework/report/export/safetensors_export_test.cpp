#include "report/export/safetensors_export.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench {
namespace {

using Json = nlohmann::json;

// github.com/huggingface/safetensors, format: 8 bytes with the length of the header, little-endian,
// the header as JSON, then the data.
class SafetensorsExport : public ::testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(
        folder / "a.safetensors",
        {testing::numbers("residual", {"layer", "d_model"}, at::tensor({1.5F, -2.0F}).view({1, 2})),
         testing::texts("label", "layer", {"embed"})});
    std::ifstream file(folder / "a.safetensors", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    header = Json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }

  testing::TempDir folder;
  std::string bytes, data;
  Json header;
};

TEST_F(SafetensorsExport, NumbersAreTensorsOfTheirNames) {
  const Json& residual = header.at("residual");
  EXPECT_EQ(residual.at("dtype"), "F32");
  EXPECT_EQ(residual.at("shape"), Json::parse("[1, 2]"));
  ASSERT_EQ(data.size(), 8U);
  float values[2];
  std::memcpy(values, data.data(), 8);
  EXPECT_EQ(values[0], 1.5F);
  EXPECT_EQ(values[1], -2.0F);
}

TEST_F(SafetensorsExport, TextsAndDimensionsAreMetadata) {
  const Json& metadata = header.at("__metadata__");
  EXPECT_EQ(Json::parse(metadata.at("label").get<std::string>()), Json::parse(R"(["embed"])"));
  EXPECT_EQ(Json::parse(metadata.at("dims").get<std::string>()),
            Json::parse(R"({"residual": ["layer", "d_model"], "label": ["layer"]})"));
}

}  // namespace
}  // namespace lensbench
