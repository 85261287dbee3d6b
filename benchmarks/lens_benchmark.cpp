#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <lensbench/model.hpp>
#include <lensbench/readout.hpp>
#include <vector>

#include "logit_lens/logit_lens.hpp"
#include "measure.hpp"
#include "support/contexts.hpp"
#include "support/random_model.hpp"

// The lens at the shape of GPT-2 small: 12 layers and the embedding, 256 positions, top-10, every
// metric, random weights. Its floor is the bare matrix product of the same shape, measured in the
// same run, by turns, and in the form of it that is fastest with the BLAS at hand.

namespace lensbench::benchmarks {
namespace {

constexpr std::int64_t kLayers = 13, kPositions = 256;

Unembedding random_unembedding() {
  const TransformerSpec spec = gpt2_small_spec();
  Unembedding unembedding;
  unembedding.weight = at::randn({spec.vocab_size, spec.d_model}) * 0.1;
  return unembedding;
}

at::Tensor random_rows() {
  return at::randn({kLayers, kPositions, gpt2_small_spec().d_model});
}

/// All rows against all of the vocabulary, rows in blocks that share one output.
Clock product(const at::Tensor& rows, const at::Tensor& weight, at::Tensor& output) {
  const Clock start = Clock::now();
  const std::int64_t block = output.size(0);
  for (std::int64_t row = 0; row < rows.size(0); row += block)
    at::mm_out(output, rows.narrow(0, row, block), weight.t());
  return Clock::now() - start;
}

Clock lens(const Unembedding& unembedding, const at::Tensor& rows, const ReadoutOptions& options) {
  const Clock start = Clock::now();
  benchmark::DoNotOptimize(read_out(unembedding, rows, options));
  return Clock::now() - start;
}

double best(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

/// By turns, so that a change of the machine's speed meets both alike; the best of each.
void lens_against_bare_product(benchmark::State& state) {
  const at::NoGradGuard no_gradients;
  const Unembedding unembedding = random_unembedding();
  const at::Tensor rows = random_rows();
  const at::Tensor flat = rows.reshape({-1, rows.size(2)});
  ReadoutOptions options;
  options.target_ids = at::randint(unembedding.weight.size(0), {kPositions}, at::kLong);
  options.scored_ids = options.target_ids;
  std::vector<double> lens_wall, lens_cpu, product_wall, product_cpu;
  for (auto _ : state) {
    for (const std::int64_t block : {416, 1664, 3328}) {
      at::Tensor output = at::empty({block, unembedding.weight.size(0)});
      const Clock bare = product(flat, unembedding.weight, output);
      product_wall.push_back(bare.wall_s);
      product_cpu.push_back(bare.cpu_s);
    }
    const Clock ours = lens(unembedding, rows, options);
    lens_wall.push_back(ours.wall_s);
    lens_cpu.push_back(ours.cpu_s);
    state.SetIterationTime(ours.wall_s);
  }
  state.counters["lens_s"] = best(lens_wall);
  state.counters["gemm_s"] = best(product_wall);
  state.counters["lens_over_gemm"] = best(lens_wall) / best(product_wall);
  state.counters["lens_over_gemm_cpu"] = best(lens_cpu) / best(product_cpu);
}
BENCHMARK(lens_against_bare_product)->UseManualTime()->Iterations(7)->Unit(benchmark::kMillisecond);

/// The whole tool on a model of that shape: how much more memory than the model is resident.
void lens_peak_memory(benchmark::State& state) {
  const auto model = random_model(gpt2_small_spec(), 1);
  Context context = lensbench::testing::context_of(model);
  lens::LogitLensTool tool;
  tool.attach(context);
  std::vector<std::int64_t> ids(kPositions);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * 191 % 50257);
  const Tokens tokens = tokens_from_ids(*model, ids);
  std::int64_t over = 0;
  for (auto _ : state) {
    if (!reset_peak_resident()) state.SkipWithError("this system does not reset the peak");
    const std::int64_t before = resident_bytes();
    benchmark::DoNotOptimize(tool.analyze(tokens, {}));
    over = std::max(over, peak_resident_bytes() - before);
  }
  constexpr double kMebi = 1024.0 * 1024.0;
  const double residuals =
      static_cast<double>(kLayers * kPositions * model->spec().d_model) * sizeof(float) / kMebi;
  state.counters["over_weights_MiB"] = static_cast<double>(over) / kMebi;
  state.counters["residuals_MiB"] = residuals;
  state.counters["over_weights_and_residuals_MiB"] = static_cast<double>(over) / kMebi - residuals;
}
BENCHMARK(lens_peak_memory)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
