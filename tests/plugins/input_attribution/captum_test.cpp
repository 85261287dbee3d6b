// Integrated gradients, gradient times input and occlusion of Captum on transformers in float64, as
// tests/parity/input_attribution_reference.py writes them.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <map>

#include "checkpoint/weights/safetensors.hpp"
#include "input_attribution/input_attribution.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"

namespace lensbench::inputs {
namespace {

class CaptumReference : public ::testing::TestWithParam<const char*> {};

TEST_P(CaptumReference, HasTheSameAttributions) {
  const std::string data = testing::data_folder();
  const SafetensorsFile file(data + "/input_attribution/" + GetParam() + ".safetensors");
  std::map<std::string, at::Tensor> expected;
  for (const auto& [name, entry] : file.entries()) expected[name] = file.tensor(name);
  testing::ToolBench<InputAttributionTool> bench(Model::open(data + "/models/" + GetParam()),
                                                 {3, 17, 5, 11, 2});
  InputAttributionOptions options;
  options.metric.versus = Target::token(9);
  options.steps = 6;
  const auto attribution = [&](const std::string& method) {
    options.methods = {method};
    return bench.tool.attribute(bench.tokens, Target::token(6), options)["attribution"].tensor[0];
  };
  const auto expect_equal = [&](const at::Tensor& found, const std::string& name) {
    // The model runs in float32 here.
    EXPECT_LE((found - expected.at(name)).abs().max().item<double>(), 5e-5) << name;
  };
  options.baseline = "zero";
  expect_equal(attribution("gradient_x_input"), "gradient_x_input");
  for (const char* rule : {"midpoint", "gauss_legendre"}) {
    options.rule = rule;
    expect_equal(attribution("integrated_gradients"), rule);
  }
  options.baseline = "token";
  options.baseline_token = 9;
  expect_equal(attribution("occlusion"), "occlusion");
}

INSTANTIATE_TEST_SUITE_P(Samples, CaptumReference, ::testing::Values("gpt2", "llama-gqa"),
                         [](const auto& param_info) {
                           return std::string(param_info.param) == "gpt2" ? "gpt2" : "llama";
                         });

}  // namespace
}  // namespace lensbench::inputs
