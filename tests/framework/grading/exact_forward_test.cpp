// The forward in float64 that planted truth is computed with, against the product's own in float32:
// two implementations, of which the second is compared with Hugging Face elsewhere.
#include "grading/exact/exact_forward.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <string>

#include "support/folders.hpp"
#include "support/tensors.hpp"

namespace lensbench::grading {
namespace {

constexpr std::int64_t kAskedPosition = 3;

/// Samples of two blocks with random weights.
class ExactForwardOf : public ::testing::TestWithParam<std::string> {
 protected:
  std::string folder_ = testing::data_folder() + "/models/" + GetParam();
  at::Tensor ids_ = testing::rows_of({{3, 17, 4, 4, 29, 8}});
  ExactModel exact_ = read_exact_model(Checkpoint(folder_));
  ExactRun run_ = run_exact(exact_, ids_, at::tensor({kAskedPosition}, at::kLong));
  std::shared_ptr<const Model> model_ = Model::open(folder_);
};

// Logits of these samples are of the order 1.
constexpr double kOfFloat32 = 2e-5;

TEST_P(ExactForwardOf, HasTheLogitsOfTheModel) {
  const at::Tensor logits = model_->forward({ids_, {}}).logits[0][kAskedPosition];
  EXPECT_GT(logits.std().item<double>(), 0.01);
  EXPECT_LT(testing::largest_difference(run_.logits[0], logits), kOfFloat32);
}

TEST_P(ExactForwardOf, ReadsEachLayerAsTheModelsOwnHeadDoes) {
  for (std::int64_t layer = 0; layer < exact_.spec.n_layers; ++layer) {
    at::Tensor stream;
    Hooks hooks;
    hooks.read("blocks." + std::to_string(layer) + ".hook_resid_pre",
               [&](const at::Tensor& value, const HookPoint&) {
                 stream = value[0][kAskedPosition].clone();
               });
    model_->forward({ids_, {}}, {}, hooks);
    const at::Tensor read = read_out_at(
        exact_, layer, run_.streams[static_cast<std::size_t>(layer)][0][kAskedPosition]);
    EXPECT_LT(testing::largest_difference(read, model_->unembed(model_->final_norm(stream))),
              kOfFloat32)
        << "layer " << layer;
  }
}

TEST_P(ExactForwardOf, HasThePatternsOfTheModel) {
  for (std::int64_t layer = 0; layer < exact_.spec.n_layers; ++layer) {
    at::Tensor pattern;
    Hooks hooks;
    hooks.read("blocks." + std::to_string(layer) + ".attn.hook_pattern",
               [&](const at::Tensor& value, const HookPoint&) { pattern = value.clone(); });
    model_->forward({ids_, {}}, {}, hooks);
    EXPECT_LT(testing::largest_difference(run_.patterns[static_cast<std::size_t>(layer)], pattern),
              kOfFloat32)
        << "layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, ExactForwardOf,
                         ::testing::Values("gpt2", "llama-gqa", "bert", "bert-untied"),
                         [](const auto& sample) {
                           std::string name = sample.param;
                           for (char& letter : name)
                             if (letter == '-') letter = '_';
                           return name;
                         });

}  // namespace
}  // namespace lensbench::grading
