// Training and reading against the Python library, tests/parity/tuned_lens.py.
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "lens_fixture.hpp"
#include "tuned_lens/lens_file.hpp"
#include "tuned_lens/training.hpp"

namespace lensbench::tuned {
namespace {

class PublishedLens : public ::testing::TestWithParam<std::string> {};

// The reference is in float64; 50 steps in float32 stay within 1e-5 of it.
TEST_P(PublishedLens, IsWhatFiftyStepsOnTheSameWindowsGive) {
  const auto model = sample(GetParam());
  const TensorFile file = expected(GetParam());
  const at::Tensor ids = file.read("ids"), losses = file.read("training_kl");
  TunedLensTraining training;
  training.steps = ids.size(0);
  training.clip_over = ClipOver::all;
  Trainer trainer(*model, training);
  for (std::int64_t step = 0; step < ids.size(0); ++step) {
    std::vector<TrainingWindow> windows;
    windows.reserve(static_cast<std::size_t>(ids.size(1)));
    for (std::int64_t window = 0; window < ids.size(1); ++window)
      windows.push_back({tokens_from_ids(*model, ids_of(ids[step][window]))});
    EXPECT_LT(largest_difference(trainer.step(windows, step), losses[step]), 1e-4) << step;
  }
  const StoredLens stored = read_lens(*model, published(GetParam()));
  EXPECT_LT(largest_difference(trainer.translators.weight, stored.translators.weight), 1e-4);
  EXPECT_LT(largest_difference(trainer.translators.bias, stored.translators.bias), 1e-4);
  EXPECT_GT(stored.translators.weight.abs().max().item<double>(), 0.05);
}

TEST_P(PublishedLens, ClippedByLayerIsAnotherLens) {
  const auto model = sample(GetParam());
  const at::Tensor ids = expected(GetParam()).read("ids");
  std::vector<TrainingWindow> windows = {{tokens_from_ids(*model, ids_of(ids[0][0]))}};
  TunedLensTraining training;
  // The gradients of the sample are shorter than 1.
  training.clip = 0.01;
  Trainer by_layer(*model, training);
  by_layer.step(windows, 0);
  training.clip_over = ClipOver::all;
  Trainer all(*model, training);
  all.step(windows, 0);
  const auto length = [](const at::Tensor& of) { return of.norm().item<double>(); };
  // The first step is rate times (1 + momentum) times the clipped gradient.
  for (std::int64_t layer = 0; layer < 2; ++layer)
    EXPECT_NEAR(std::hypot(length(by_layer.translators.weight[layer]),
                           length(by_layer.translators.bias[layer])),
                0.1 * 1.9 * 0.01, 1e-6);
  EXPECT_NEAR(std::hypot(length(all.translators.weight), length(all.translators.bias)),
              0.1 * 1.9 * 0.01, 1e-6);
}

TEST_P(PublishedLens, ReadsAPromptAsThePythonLibraryDoes) {
  const auto model = sample(GetParam());
  const TensorFile file = expected(GetParam());
  LensBench bench(model, ids_of(file.read("prompt")));
  TunedLensOptions options;
  options.top_k = model->spec().vocab_size;
  const Dataset found = bench.tool.read(bench.tokens, published(GetParam()), options);
  testing::expect_receipts_hold(found, 2);
  const at::Tensor ids = found["top_id"].tensor.to(at::kLong);
  const at::Tensor probabilities =
      at::zeros(ids.sizes(), at::kFloat).scatter(2, ids, found["top_probability"].tensor);
  const std::int64_t layers = model->spec().n_layers;
  EXPECT_LT(
      largest_difference(probabilities.narrow(0, 0, layers).log(), file.read("log_probability")),
      1e-4);
}

INSTANTIATE_TEST_SUITE_P(Samples, PublishedLens, ::testing::Values("gpt2", "llama"));

}  // namespace
}  // namespace lensbench::tuned
