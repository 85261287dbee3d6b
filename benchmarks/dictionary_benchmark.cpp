#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>

#include <fstream>
#include <lensbench/random.hpp>
#include <string>

#include "folder.hpp"
#include "ratio.hpp"
#include "sparse_autoencoder/gradient.hpp"
#include "sparse_autoencoder/reconstruction.hpp"
#include "sparse_autoencoder/sparse_autoencoder.hpp"
#include "support/bench.hpp"

// Dictionaries of the shape that GPT-2 small has: their time to that of their bare products, and
// tokens that a training reads in a second.

namespace lensbench::benchmarks {
namespace {

using dictionaries::Activation;
using dictionaries::Dictionary;

constexpr std::int64_t kRows = 512, kWidth = 768, kFeatures = 16384, kActive = 64;

at::Tensor normal_numbers(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  at::Tensor values = at::empty({rows, columns});
  Philox draw(seed);
  auto* value = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(draw.normal());
  return values;
}

/// A dictionary of which about `kActive` features are active in a random row.
Dictionary wide_dictionary(Activation activation) {
  // The share kActive / kFeatures of normal numbers is above 2.66.
  constexpr double kLeast = 2.66;
  Dictionary made;
  made.settings.activation = activation;
  made.settings.d_in = made.settings.d_out = kWidth;
  made.settings.features = kFeatures;
  made.settings.k = kActive;
  made.decoder = normal_numbers(kFeatures, kWidth, 1);
  made.decoder_norm = made.decoder.norm(2, {1});
  made.decoder.div_(made.decoder_norm.unsqueeze(1));
  made.decoder_norm.fill_(1);
  made.encoder = made.decoder.t().contiguous();
  const bool by_bias = activation == Activation::relu || activation == Activation::gated;
  made.encoder_bias = at::full({kFeatures}, by_bias ? -kLeast : 0.0);
  made.threshold = at::full({kFeatures}, kLeast);
  made.magnitude = at::ones({kFeatures});
  made.magnitude_bias = at::zeros({kFeatures});
  made.decoder_bias = at::zeros({kWidth});
  return made;
}

void encode_of_16k_features(benchmark::State& state) {
  const Dictionary dictionary = wide_dictionary(static_cast<Activation>(state.range(0)));
  const at::Tensor rows = normal_numbers(kRows, kWidth, 2);
  Best products, encode, whole;
  double active = 0;
  for (auto _ : state) {
    products.time([&] { benchmark::DoNotOptimize(at::mm(rows, dictionary.encoder)); });
    encode.time([&] {
      const auto found = dictionaries::encode(dictionary, normalised(dictionary, rows));
      active = static_cast<double>(found.ids.size(0)) / kRows;
    });
    whole.time([&] {
      reconstruct(dictionary, {rows, rows, {}, {}}, at::ones({kRows}, at::kBool), 10);
    });
  }
  count_ratio(state, "encode_to_products", encode, products);
  count_ratio(state, "reconstruct_to_products", whole, products);
  state.counters["active_features"] = active;
}
BENCHMARK(encode_of_16k_features)
    ->ArgName("activation")
    ->Arg(static_cast<int>(Activation::relu))
    ->Arg(static_cast<int>(Activation::jumprelu))
    ->Arg(static_cast<int>(Activation::topk))
    ->Arg(static_cast<int>(Activation::gated))
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(5);

void gradient_of_dictionary(benchmark::State& state) {
  const std::int64_t width = state.range(0), features = state.range(1), rows = 4096;
  const at::Tensor x = normal_numbers(rows, width, 2);
  dictionaries::Weights weights = dictionaries::Weights::zero(features, width);
  weights.decoder.copy_(normal_numbers(features, width, 1));
  weights.decoder.div_(weights.decoder.norm(2, {1}, true));
  weights.encoder.copy_(weights.decoder);
  Best products, step;
  for (auto _ : state) {
    products.time([&] { benchmark::DoNotOptimize(at::mm(x, weights.encoder.t())); });
    step.time([&] { loss_gradient(weights, x, {.k = 16}); });
  }
  count_ratio(state, "gradient_to_products", step, products);
}
BENCHMARK(gradient_of_dictionary)
    ->ArgNames({"width", "features"})
    ->Args({128, 1024})
    ->Args({768, 4096})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(5);

void training_of_dictionary(benchmark::State& state) {
  const Folder folder;
  const std::string text = (folder / "text.jsonl").string();
  std::ofstream file(text);
  Philox draw(3);
  for (int document = 0; document < 256; ++document) {
    file << "{\"ids\": [" << draw.below(2048);
    for (int i = 1; i < 128; ++i) file << "," << draw.below(2048);
    file << "]}\n";
  }
  file.close();
  testing::ToolBench<dictionaries::SparseAutoencoderTool> bench(
      Model::open(LENSBENCH_BENCHMARK_MODEL), {1, 2, 3});
  const SparseAutoencoderTraining training{.text = text, .steps = 20};
  for (auto _ : state)
    bench.tool.train(bench.tokens, training, Target::model(), {.hook = "blocks.3.hook_resid_post"});
  state.SetItemsProcessed(state.iterations() * training.steps * training.tokens_per_step);
}
BENCHMARK(training_of_dictionary)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace lensbench::benchmarks
