#include "checkpoint/quantized/quantization.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

constexpr const char* kPath = "/nowhere/model/config.json";

std::optional<Quantization> read(const json& settings) {
  return read_quantization({{"quantization_config", settings}}, kPath);
}

std::string fault(const json& settings) {
  return message_of<InputError>([&] { read(settings); });
}

TEST(Quantization, IsNoneWithoutAField) {
  EXPECT_FALSE(read_quantization({{"hidden_size", 8}}, kPath));
  EXPECT_FALSE(read_quantization({{"quantization_config", nullptr}}, kPath));
}

TEST(Quantization, OfFp8HasTheBlocksOfItsConfigurationOrThoseOfItsClass) {
  const auto own = read({{"quant_method", "fp8"}, {"weight_block_size", {64, 32}}});
  EXPECT_EQ(own->block_rows, 64);
  EXPECT_EQ(own->block_columns, 32);
  EXPECT_EQ(read({{"quant_method", "fp8"}})->block_rows, 128);
  EXPECT_EQ(read({{"quant_method", "fp8"}, {"weight_block_size", nullptr}})->block_rows, 0);
}

TEST(Quantization, OfGptqAddsOneToTheZerosOfTheFirstFormatAlone) {
  const json settings = {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 32}};
  EXPECT_EQ(read(settings)->zero_offset, 1);
  json second = settings;
  second["checkpoint_format"] = "gptq_v2";
  EXPECT_EQ(read(second)->zero_offset, 0);
}

TEST(Quantization, WithoutGroupsHasOneScaleForAllInputs) {
  EXPECT_EQ(read({{"quant_method", "awq"}, {"bits", 4}, {"group_size", -1}})->group_size, 0);
}

struct Setting {
  json settings;
  const char *field, *found;
};

class UnsupportedQuantization : public ::testing::TestWithParam<Setting> {};

TEST_P(UnsupportedQuantization, IsRefusedByItsField) {
  EXPECT_THAT(fault(GetParam().settings),
              AllOf(HasSubstr(kPath), HasSubstr(GetParam().field), HasSubstr(GetParam().found)));
}

json gptq(const char* field, const json& value) {
  json settings = {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 32}};
  settings[field] = value;
  return settings;
}

json awq(const char* field, const json& value) {
  json settings = {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 32}};
  settings[field] = value;
  return settings;
}

json fp8(const char* field, const json& value) {
  return {{"quant_method", "fp8"}, {field, value}};
}

json compressed(const char* field, const json& value) {
  json weights = {{"num_bits", 8}, {"type", "int"}, {"strategy", "channel"}};
  weights[field] = value;
  return {{"quant_method", "compressed-tensors"},
          {"format", "int-quantized"},
          {"config_groups", {{"group_0", {{"targets", {"Linear"}}, {"weights", weights}}}}}};
}

INSTANTIATE_TEST_SUITE_P(
    , UnsupportedQuantization,
    ::testing::Values(
        Setting{{{"quant_method", "hqq"}}, "quantization_config", "the weights are hqq"},
        Setting{{{"bits", 4}}, "quantization_config", "the weights are quantized"},
        Setting{{{"quant_method", "gptq"}}, "quantization_config.bits", "is missing"},
        Setting{gptq("bits", 3), "quantization_config.bits", "is 3; supported: 4"},
        Setting{gptq("group_size", 0), "quantization_config.group_size", "is 0"},
        Setting{gptq("group_size", -2), "quantization_config.group_size", "found -2"},
        Setting{gptq("checkpoint_format", "marlin"), "checkpoint_format", "is \"marlin\""},
        Setting{gptq("is_marlin_format", true), "is_marlin_format", "is true"},
        Setting{gptq("dynamic", {{"-:.*", json::object()}}), "dynamic", "not supported"},
        Setting{awq("version", "gemv"), "quantization_config.version", "supported: gemm"},
        Setting{awq("bits", 8), "quantization_config.bits", "is 8"},
        Setting{awq("zero_point", false), "quantization_config.zero_point", "is false"},
        Setting{fp8("fmt", "e5m2"), "quantization_config.fmt", "is \"e5m2\""},
        Setting{fp8("expert_dtype", "fp4"), "expert_dtype", "is \"fp4\""},
        Setting{fp8("weight_block_size", {128}), "weight_block_size", "has 1 numbers"},
        Setting{fp8("weight_block_size", {128, 0}), "weight_block_size", "found 0"},
        Setting{compressed("num_bits", 4), "weights.num_bits", "is 4"},
        Setting{compressed("type", "fp"), "weights.type", "is \"fp\""},
        Setting{compressed("strategy", "tensor_group"), "strategy", "is \"tensor_group\""},
        Setting{compressed("actorder", "group"), "actorder", "is \"group\""},
        Setting{compressed("block_structure", {8}), "block_structure", "has 1 numbers"},
        Setting{{{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"}},
                "quantization_config.format",
                "is \"pack-quantized\""},
        Setting{{{"quant_method", "compressed-tensors"}, {"format", "int-quantized"}},
                "quantization_config.config_groups",
                "is missing"}),
    [](const auto& item) { return "Setting" + std::to_string(item.index); });

TEST(Quantization, WithinThePartOfALargerModelIsToBeMoved) {
  const json config = {{"text_config", {{"quantization_config", {{"quant_method", "fp8"}}}}}};
  EXPECT_THAT(message_of<InputError>([&] { read_quantization(config, kPath); }),
              AllOf(HasSubstr("text_config.quantization_config"), HasSubstr("move it")));
}

}  // namespace
}  // namespace lensbench
