#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "measure.hpp"
#include "support/random_model.hpp"

// Tokens a second of a GPT-2-small-shaped model with random weights, beside the floor that the
// machine sets: arithmetic for a prompt, reading the weights once a token for generation.

namespace lensbench::benchmarks {
namespace {

std::shared_ptr<const Model> gpt2_small() {
  static const std::shared_ptr<const Model> model = random_model(gpt2_small_spec(), 1);
  return model;
}

Tokens some_tokens(std::int64_t n) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(i * 191 % 50257);
  return tokens_from_ids(*gpt2_small(), ids);
}

/// Elements of the matrices of all blocks: attention 4 d^2, MLP 8 d^2 at this shape.
std::int64_t block_elements(const TransformerSpec& spec) {
  return spec.n_layers * (4 * spec.d_model * spec.d_model + 2 * spec.d_model * spec.mlp.d_mlp);
}

double seconds_of_bare_products(const TransformerSpec& spec, std::int64_t rows) {
  const at::NoGradGuard no_gradients;
  const std::int64_t outputs = block_elements(spec) / spec.d_model;
  const at::Tensor x = at::randn({rows, spec.d_model}), w = at::randn({outputs, spec.d_model});
  at::Tensor y = at::empty({rows, outputs});
  at::mm_out(y, x, w.t());
  const Clock start = Clock::now();
  at::mm_out(y, x, w.t());
  return (Clock::now() - start).wall_s;
}

/// \param state  range 0: positions
void forward(benchmark::State& state) {
  const auto model = gpt2_small();
  const TokenBatch tokens = make_batch(some_tokens(state.range(0)));
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const double floor_s = seconds_of_bare_products(model->spec(), state.range(0));
  const Clock start = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(model->forward(tokens, options));
  const double forward_s = (Clock::now() - start).wall_s / static_cast<double>(state.iterations());
  state.counters["tokens_per_s"] = static_cast<double>(state.range(0)) / forward_s;
  state.counters["over_bare_gemm"] = forward_s / floor_s;
}
BENCHMARK(forward)->Arg(256)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Seconds to read as many bytes as the weights of one step, once.
double seconds_to_read_weights(const TransformerSpec& spec) {
  const at::NoGradGuard no_gradients;
  const std::int64_t elements = block_elements(spec) + spec.vocab_size * spec.d_model;
  const at::Tensor w = at::ones({elements / spec.d_model, spec.d_model});
  const at::Tensor x = at::ones({spec.d_model});
  at::Tensor y = at::mv(w, x);
  const Clock start = Clock::now();
  at::mv_out(y, w, x);
  return (Clock::now() - start).wall_s;
}

void generation(benchmark::State& state) {
  const auto model = gpt2_small();
  const Tokens prompt = some_tokens(16);
  GenerationOptions options;
  options.max_new_tokens = 32;
  const double floor_s = seconds_to_read_weights(model->spec());
  std::int64_t made = 0;
  const Clock start = Clock::now();
  for (auto _ : state) made += static_cast<std::int64_t>(generate(*model, prompt, options).size());
  const double token_s = (Clock::now() - start).wall_s / static_cast<double>(made);
  state.counters["tokens_per_s"] = 1 / token_s;
  state.counters["over_reading_the_weights"] = token_s / floor_s;
}
BENCHMARK(generation)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Opens the checkpoint that LENSBENCH_BENCHMARK_CHECKPOINT names; weights are mapped, so this is
/// the time to read its headers and tokenizer.
void open_checkpoint(benchmark::State& state) {
  const char* directory = std::getenv("LENSBENCH_BENCHMARK_CHECKPOINT");
  if (directory == nullptr) {
    state.SkipWithError("LENSBENCH_BENCHMARK_CHECKPOINT names no model directory");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(Model::open(directory));
}
BENCHMARK(open_checkpoint)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
