#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "support/folders.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::sample_models;

/// Small random checkpoints with what transformers makes of them in float64
/// (tests/parity/make_samples.py).
class Sample : public ::testing::TestWithParam<std::string> {
 protected:
  std::string directory() const { return testing::data_folder() + "/models/" + GetParam(); }
  std::shared_ptr<const Model> model(at::ScalarType dtype = at::kFloat) const {
    ModelOptions options;
    options.dtype = dtype;
    return Model::open(directory(), options);
  }
  at::Tensor expected(const std::string& name) const { return expected_.tensor(name); }
  TokenBatch tokens() const { return {expected("ids"), {}}; }

 private:
  SafetensorsFile expected_{directory() + "/expected.safetensors"};
};

double scale_of(const at::Tensor& x) {
  return std::max(1.0, x.abs().max().item<double>());
}

// The parity contract; the expected values are rounded to float32 only once, at their end.
constexpr double kFloat32 = 5e-5, kHalfPrecision = 1e-2;

TEST_P(Sample, LogitsEqualTransformersInFloat32) {
  const at::Tensor expected_logits = expected("logits");
  EXPECT_LT(largest_difference(model()->forward(tokens()).logits, expected_logits),
            kFloat32 * scale_of(expected_logits));
}

TEST_P(Sample, LogitsEqualTransformersInBfloat16) {
  const at::Tensor expected_logits = expected("logits");
  const double range = (expected_logits.max() - expected_logits.min()).item<double>();
  const at::Tensor logits = model(at::kBFloat16)->forward(tokens()).logits;
  EXPECT_EQ(logits.scalar_type(), at::kFloat);
  // These weights are ten times those of a trained model, and the reference is float64: bfloat16's
  // own rounding (2^-9 a step) is most of the difference.
  EXPECT_LT(largest_difference(logits, expected_logits), 4 * kHalfPrecision * range);
}

TEST_P(Sample, LogitsEqualTransformersInFloat16) {
  const at::Tensor expected_logits = expected("logits");
  const double range = (expected_logits.max() - expected_logits.min()).item<double>();
  const at::Tensor logits = model(at::kHalf)->forward(tokens()).logits;
  EXPECT_LT(largest_difference(logits, expected_logits), kHalfPrecision * range);
}

TEST_P(Sample, StreamEqualsHiddenStatesOfTransformers) {
  const auto shared = model();
  const auto seen = run_with_cache(*shared, tokens(), {"blocks.*.hook_*resid_*"}).cache;
  const at::Tensor first = expected("hidden_states.0");
  EXPECT_LT(largest_difference(seen["blocks.0.hook_resid_pre"], first), kFloat32 * scale_of(first));
  for (std::int64_t layer = 1; layer <= shared->spec().n_layers; ++layer) {
    const at::Tensor state = expected("hidden_states." + std::to_string(layer));
    EXPECT_LT(largest_difference(seen[residual_hook(shared->spec(), layer)], state),
              kFloat32 * scale_of(state));
  }
}

TEST_P(Sample, PatternsEqualAttentionsOfTransformers) {
  const auto shared = model();
  const auto seen = run_with_cache(*shared, tokens(), {"blocks.*.attn.hook_pattern"}).cache;
  for (std::int64_t layer = 0; layer < shared->spec().n_layers; ++layer)
    EXPECT_LT(largest_difference(seen["blocks." + std::to_string(layer) + ".attn.hook_pattern"],
                                 expected("patterns." + std::to_string(layer))),
              kFloat32)
        << "layer " << layer;
}

INSTANTIATE_TEST_SUITE_P(Families, Sample, ::testing::ValuesIn(sample_models()),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace lensbench
