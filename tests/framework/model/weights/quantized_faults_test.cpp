#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/quantized_samples.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using testing::ChangedQuantized;
using ::testing::HasSubstr;
using testing::message_of;

constexpr const char* kMlp = "model.layers.0.mlp.";
constexpr const char* kExperts = "model.layers.0.mlp.experts.";

/// A quantized checkpoint with one fault, and what the message says of it.
struct QuantizedFault {
  const char *name, *sample;
  std::function<void(ChangedQuantized&)> change;
  std::string subject, found;
};

class FaultyQuantized : public ::testing::TestWithParam<QuantizedFault> {};

TEST_P(FaultyQuantized, IsRefusedByTheTensorOrField) {
  ChangedQuantized checkpoint(GetParam().sample);
  GetParam().change(checkpoint);
  const std::string folder = checkpoint.write();
  EXPECT_THAT(message_of<InputError>([&] { Model::open(folder); }),
              AllOf(HasSubstr(folder), HasSubstr(GetParam().subject), HasSubstr(GetParam().found)));
}

std::string of_mlp(const char* name) {
  return std::string(kMlp) + name;
}

std::string of_experts(const char* name) {
  return std::string(kExperts) + name;
}

std::function<void(ChangedQuantized&)> lacking(const std::string& name) {
  return [name](ChangedQuantized& c) { c.rename(name, "unknown." + name); };
}

/// Another shape of the same number of elements.
std::function<void(ChangedQuantized&)> shaped(const std::string& name,
                                              const std::vector<std::int64_t>& shape) {
  return [name, shape](ChangedQuantized& c) { c.header[name]["shape"] = shape; };
}

std::vector<QuantizedFault> quantized_faults() {
  return {
      {"fp8_without_scales", "fp8", lacking(of_mlp("down_proj.weight_scale_inv")),
       of_mlp("down_proj.weight_scale_inv"), "is missing"},
      {"fp8_with_scales_of_another_shape", "fp8",
       shaped(of_mlp("down_proj.weight_scale_inv"), {5, 3}), of_mlp("down_proj.weight_scale_inv"),
       "has shape [5, 3], expected [3, 5], a scale for each block of [8, 8]"},
      {"fp8_with_other_blocks", "fp8",
       [](ChangedQuantized& c) {
         c.settings()["weight_block_size"] = {8, 4};
       },
       "weight_scale_inv has shape", "a scale for each block of [8, 4]"},
      {"fp8_with_nan", "fp8",
       [](ChangedQuantized& c) { c.set_byte(of_mlp("down_proj.weight"), 41, 0xff); },
       of_mlp("down_proj.weight"), "has NaN at [1, 1]"},
      {"fp8_with_weights_of_another_shape", "fp8", shaped(of_mlp("down_proj.weight"), {40, 24}),
       of_mlp("down_proj.weight"), "has shape [40, 24], expected [24, 40]"},
      {"fp8_with_an_infinite_scale", "fp8",
       [](ChangedQuantized& c) {
         // The upper bytes of a float32 infinity.
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 3, 0x7f);
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 2, 0x80);
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 1, 0);
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 0, 0);
       },
       of_mlp("down_proj.weight_scale_inv"), "holds an infinity"},
      {"fp8_with_a_scale_beyond_the_type", "fp8",
       [](ChangedQuantized& c) {
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 3, 0x7f);
         c.set_byte(of_mlp("down_proj.weight_scale_inv"), 2, 0x7f);
       },
       of_mlp("down_proj.weight"), "has a product of code and scale that Float cannot hold"},
      {"mxfp4_without_scales", "mxfp4", lacking(of_experts("down_proj_scales")),
       of_experts("down_proj_scales"), "is missing"},
      {"mxfp4_with_blocks_of_another_shape", "mxfp4",
       shaped(of_experts("down_proj_blocks"), {2, 32, 2, 16}), of_experts("down_proj_blocks"),
       "has shape [2, 32, 2, 16], expected [2, 64, 1, 16]"},
      {"mxfp4_with_a_scale_that_is_nan", "mxfp4",
       [](ChangedQuantized& c) { c.set_byte(of_experts("gate_up_proj_scales"), 3, 0xff); },
       of_experts("gate_up_proj"), "has a scale that is NaN at [1, 32]"},
      {"gptq_without_scales", "gptq", lacking(of_mlp("up_proj.scales")), of_mlp("up_proj.scales"),
       "is missing"},
      {"gptq_without_zeros", "gptq", lacking(of_mlp("up_proj.qzeros")), of_mlp("up_proj.qzeros"),
       "is missing"},
      {"gptq_with_groups_that_do_not_divide", "gptq",
       [](ChangedQuantized& c) { c.settings()["group_size"] = 24; },
       "quantization_config.group_size", "is 24, which does not divide the"},
      {"gptq_with_groups_of_another_size", "gptq",
       [](ChangedQuantized& c) { c.settings()["group_size"] = 16; }, "model.layers.0.", "qzeros"},
      {"gptq_with_words_of_another_shape", "gptq", shaped(of_mlp("up_proj.qweight"), {5, 32}),
       of_mlp("up_proj.qweight"), "has shape [5, 32], expected [4, 40]"},
      {"gptq_with_another_order", "gptq",
       [](ChangedQuantized& c) {
         c.settings()["desc_act"] = true;
         c.set_byte(of_mlp("up_proj.g_idx"), 0, 1);
       },
       of_mlp("up_proj.g_idx"), "not adjacent into one group (desc_act"},
      {"gptq_with_an_order_that_is_missing", "gptq",
       [](ChangedQuantized& c) {
         c.settings()["desc_act"] = true;
         c.rename(of_mlp("up_proj.g_idx"), "unknown");
       },
       of_mlp("up_proj.g_idx"), "is missing, which desc_act"},
      {"gptq_with_a_bias", "gptq",
       [](ChangedQuantized& c) { c.set_byte(of_mlp("down_proj.bias"), 1, 0x3c); },
       of_mlp("down_proj.bias"), "not part of this model"},
      {"awq_without_scales", "awq", lacking(of_mlp("up_proj.scales")), of_mlp("up_proj.scales"),
       "is missing"},
      {"awq_read_as_gptq", "awq",
       [](ChangedQuantized& c) { c.settings()["quant_method"] = "gptq"; }, ".qweight", "has shape"},
      {"int8_without_scales", "compressed-int8", lacking(of_mlp("up_proj.weight_scale")),
       of_mlp("up_proj.weight_scale"), "is missing"},
      {"int8_with_zeros_of_another_shape", "compressed-int8",
       shaped(of_mlp("up_proj.weight_zero_point"), {4, 40}), of_mlp("up_proj.weight_zero_point"),
       "has shape [4, 40], expected [40, 4]"},
      {"int8_with_groups_that_do_not_divide", "compressed-int8",
       shaped(of_mlp("up_proj.weight_scale"), {32, 5}), of_mlp("up_proj.weight_scale"),
       "has shape [32, 5], expected one number, [40, parts that divide 32]"},
      {"plain_weights_of_a_quantized_configuration", "fp8",
       [](ChangedQuantized& c) {
         c.settings() = {{"quant_method", "mxfp4"}};
       },
       "config.json", "F8_E4M3"},
      {"quantized_weights_of_a_plain_configuration", "gptq",
       [](ChangedQuantized& c) { c.config.erase("quantization_config"); },
       "model.layers.0.mlp.down_proj.weight", "missing"},
  };
}

INSTANTIATE_TEST_SUITE_P(, FaultyQuantized, ::testing::ValuesIn(quantized_faults()),
                         [](const auto& item) { return std::string(item.param.name); });

TEST(QuantizedModelOfAnotherDevice, IsRefusedBeforeAWeightIsRead) {
  ModelOptions options;
  options.device = at::Device(at::kCUDA, 0);
  EXPECT_THAT(
      message_of<UsageError>([&] { Model::open(testing::quantized_folder("fp8"), options); }),
      HasSubstr("which are multiplied on the CPU"));
}

}  // namespace
}  // namespace lensbench
