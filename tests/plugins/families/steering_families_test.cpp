#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>

#include "families.hpp"
#include "steering/steering.hpp"

namespace lensbench::families {
namespace {

using steering::SteeringTool;

class SteeringFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  static std::optional<Dataset> run(SteeringOptions options) {
    const auto model = Model::open(testing::data_folder() + "/models/" + GetParam());
    const at::Tensor direction = at::sin(at::arange(1, model->spec().d_model + 1, at::kFloat));
    options.controls = 2;
    options.neutral = "generated:1";
    options.window = 8;
    for (std::int64_t layer = 0; layer <= model->spec().n_layers; ++layer)
      options.layers.push_back(layer);
    return answer_or_refusal<SteeringTool>(
        GetParam(), [&](SteeringTool& tool, const Tokens& tokens) {
          return tool.steer(tokens, direction, Target::model(), options);
        });
  }
  static bool causal() { return GetParam().find("bert") == std::string::npos; }
};

TEST_P(SteeringFamilies, AddADirectionAtEveryDepthAndGenerate) {
  SteeringOptions options;
  options.alphas = {-0.5, 0, 0.5};
  options.max_new_tokens = 3;
  EXPECT_EQ(run(options).has_value(), causal());
}

TEST_P(SteeringFamilies, ProjectItOutOrClampIt) {
  SteeringOptions options;
  options.mode = SteeringMode::project;
  EXPECT_EQ(run(options).has_value(), causal());
  options.mode = SteeringMode::clamp;
  options.alphas = {0, 0.5};
  EXPECT_EQ(run(options).has_value(), causal());
}

INSTANTIATE_TEST_SUITE_P(Samples, SteeringFamilies, ::testing::ValuesIn(testing::sample_models()),
                         test_name);

}  // namespace
}  // namespace lensbench::families
