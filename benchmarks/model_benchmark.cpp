#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights/mapped_file.hpp"
#include "measure.hpp"
#include "model/runtime/parallel.hpp"
#include "support/contexts.hpp"
#include "support/random_model.hpp"
#include "token_analyzer/analysis.hpp"
#include "token_analyzer/text_logits.hpp"
#include "token_analyzer/token_analyzer.hpp"

// Tokens a second of a GPT-2-small-shaped model with random weights, compared with the floor that
// the machine sets: arithmetic for a prompt, reading the weights once a token for generation.

namespace lensbench::benchmarks {
namespace {

std::shared_ptr<const Model> gpt2_small() {
  static const std::shared_ptr<const Model> model = random_model(gpt2_small_spec(), 1);
  return model;
}

std::shared_ptr<const Model> half_gpt2_small() {
  static const std::shared_ptr<const Model> model =
      random_model(gpt2_small_spec(), 1, at::kBFloat16);
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

/// Seconds to read so many bytes once from memory on all threads, the best of three.
double seconds_to_read(std::int64_t bytes) {
  constexpr std::int64_t kPartWords = 1 << 17;
  const std::vector<std::uint64_t> words(static_cast<std::size_t>(bytes / 8), 1);
  const auto size = static_cast<std::int64_t>(words.size());
  double best = 1e30;
  for (int i = 0; i < 3; ++i) {
    const Clock start = Clock::now();
    for_each_parallel((size + kPartWords - 1) / kPartWords, [&](std::int64_t part) {
      std::uint64_t sum = 0;
      const std::int64_t end = std::min(size, (part + 1) * kPartWords);
      for (std::int64_t at = part * kPartWords; at < end; ++at)
        sum += words[static_cast<std::size_t>(at)];
      benchmark::DoNotOptimize(sum);
    });
    best = std::min(best, (Clock::now() - start).wall_s);
  }
  return best;
}

double seconds_to_generate(const Model& model, std::int64_t tokens) {
  GenerationOptions options;
  options.max_new_tokens = tokens;
  const Tokens prompt = some_tokens(16);
  const Clock start = Clock::now();
  benchmark::DoNotOptimize(generate(model, prompt, options));
  return (Clock::now() - start).wall_s;
}

/// The best time of a generation step: of a continuation less that of its first token, which reads
/// the prompt.
struct StepTime {
  double first_s = 1e30, all_s = 1e30;

  /// \return seconds of this run
  double measure(const Model& model, std::int64_t tokens) {
    const double first = seconds_to_generate(model, 1);
    const double all = seconds_to_generate(model, tokens + 1);
    first_s = std::min(first_s, first);
    all_s = std::min(all_s, all);
    return first + all;
  }
  double step_s(std::int64_t tokens) const {
    return (all_s - first_s) / static_cast<double>(tokens);
  }
};

/// Generation in bfloat16 and in float32 by turns, each against the time of reading its weights.
void generation_in_half_precision(benchmark::State& state) {
  const auto wide = gpt2_small(), half = half_gpt2_small();
  constexpr std::int64_t kTokens = 32;
  const std::int64_t elements =
      block_elements(wide->spec()) + wide->spec().vocab_size * wide->spec().d_model;
  StepTime wide_time, half_time;
  double read_wide_s = 1e30, read_half_s = 1e30;
  for (auto _ : state) {
    wide_time.measure(*wide, kTokens);
    state.SetIterationTime(half_time.measure(*half, kTokens));
    read_wide_s = std::min(read_wide_s, seconds_to_read(4 * elements));
    read_half_s = std::min(read_half_s, seconds_to_read(2 * elements));
  }
  const double wide_s = wide_time.step_s(kTokens), half_s = half_time.step_s(kTokens);
  state.counters["float32_tokens_per_s"] = 1 / wide_s;
  state.counters["half_tokens_per_s"] = 1 / half_s;
  state.counters["half_over_float32"] = wide_s / half_s;
  state.counters["float32_over_reading"] = wide_s / read_wide_s;
  state.counters["half_over_reading"] = half_s / read_half_s;
}
BENCHMARK(generation_in_half_precision)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);

/// The forward of 256 tokens in bfloat16 and in float32 by turns.
void forward_in_half_precision(benchmark::State& state) {
  const auto wide = gpt2_small(), half = half_gpt2_small();
  const TokenBatch tokens = make_batch(some_tokens(256));
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  Clock wide_best{1e30, 1e30}, half_best{1e30, 1e30};
  const auto keep_best = [](Clock& best, const Clock& run) {
    best.wall_s = std::min(best.wall_s, run.wall_s);
    best.cpu_s = std::min(best.cpu_s, run.cpu_s);
  };
  for (auto _ : state) {
    const Clock start = Clock::now();
    benchmark::DoNotOptimize(wide->forward(tokens, options));
    const Clock middle = Clock::now();
    benchmark::DoNotOptimize(half->forward(tokens, options));
    const Clock end = Clock::now();
    keep_best(wide_best, middle - start);
    keep_best(half_best, end - middle);
    state.SetIterationTime((end - middle).wall_s);
  }
  state.counters["half_over_float32"] = half_best.wall_s / wide_best.wall_s;
  state.counters["half_over_float32_cpu"] = half_best.cpu_s / wide_best.cpu_s;
}
BENCHMARK(forward_in_half_precision)->UseManualTime()->Iterations(9)->Unit(benchmark::kMillisecond);

/// What the trace of each step costs: the tool that generates with it against generation alone, by
/// turns. The tool also analyses the prompt and checks its steps with one forward of the text.
void generation_with_trace(benchmark::State& state) {
  const auto model = gpt2_small();
  const Tokens prompt = some_tokens(16);
  Context context = lensbench::testing::context_of(model);
  TokenAnalyzerTool tool;
  tool.attach(context);
  TokenAnalyzerOptions options;
  options.max_new_tokens = 32;
  options.temperatures = {0.5, 0.7, 1.0, 1.5};
  options.nucleus = {0.5, 0.9, 0.95};
  token_analysis::StepOptions step = token_analysis::step_options(options);
  GenerationOptions alone;
  alone.max_new_tokens = options.max_new_tokens;
  Clock alone_best{1e30, 1e30}, traced_best{1e30, 1e30}, tool_best{1e30, 1e30};
  const auto keep_best = [](Clock& best, const Clock& run) {
    best = {std::min(best.wall_s, run.wall_s), std::min(best.cpu_s, run.cpu_s)};
  };
  for (auto _ : state) {
    const Clock start = Clock::now();
    generate(*model, prompt, alone);
    const Clock generated = Clock::now();
    generate(*model, prompt, alone, [&](std::int64_t, const at::Tensor& logits, std::int64_t id) {
      benchmark::DoNotOptimize(
          token_analysis::analyze_step(token_analysis::as_row(logits), id, step));
    });
    const Clock traced = Clock::now();
    benchmark::DoNotOptimize(tool.analyze(prompt, options));
    const Clock end = Clock::now();
    keep_best(alone_best, generated - start);
    keep_best(traced_best, traced - generated);
    keep_best(tool_best, end - traced);
    state.SetIterationTime((end - traced).wall_s);
  }
  const auto tokens = static_cast<double>(options.max_new_tokens);
  state.counters["alone_ms_per_token"] = 1000 * alone_best.wall_s / tokens;
  state.counters["tool_ms_per_token"] = 1000 * tool_best.wall_s / tokens;
  state.counters["trace_over_step"] = traced_best.wall_s / alone_best.wall_s - 1;
  state.counters["trace_over_step_cpu"] = traced_best.cpu_s / alone_best.cpu_s - 1;
  state.counters["tool_over_generation"] = tool_best.wall_s / alone_best.wall_s - 1;
  state.counters["tool_over_generation_cpu"] = tool_best.cpu_s / alone_best.cpu_s - 1;
}
BENCHMARK(generation_with_trace)->UseManualTime()->Iterations(7)->Unit(benchmark::kMillisecond);

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

/// Seconds to read every byte of a file in the page cache and to write two bytes of new memory for
/// each, on all threads: what widening its weights cannot avoid.
double seconds_to_widen(const std::filesystem::path& path) {
  constexpr std::int64_t kPart = 1 << 21;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path)) / kPart * kPart;
  const MappedFile file(path);
  const Clock start = Clock::now();
  const std::unique_ptr<std::byte[]> memory(new std::byte[2 * static_cast<std::size_t>(size)]);
  for_each_parallel(size / kPart, [&](std::int64_t part) {
    for (std::int64_t copy = 0; copy < 2; ++copy)
      std::memcpy(memory.get() + (2 * part + copy) * kPart, file.bytes().data() + part * kPart,
                  kPart);
  });
  benchmark::DoNotOptimize(memory.get());
  return (Clock::now() - start).wall_s;
}

/// Opens the checkpoint in bfloat16 that LENSBENCH_BENCHMARK_HALF_CHECKPOINT names as float32.
void open_half_as_float32(benchmark::State& state) {
  const char* directory = std::getenv("LENSBENCH_BENCHMARK_HALF_CHECKPOINT");
  if (directory == nullptr) {
    state.SkipWithError("LENSBENCH_BENCHMARK_HALF_CHECKPOINT names no model directory");
    return;
  }
  double open_s = 1e30, floor_s = 1e30;
  for (auto _ : state) {
    const Clock start = Clock::now();
    const auto model = Model::open(directory);
    const double now_s = (Clock::now() - start).wall_s;
    open_s = std::min(open_s, now_s);
    floor_s =
        std::min(floor_s, seconds_to_widen(std::filesystem::path(directory) / "model.safetensors"));
    state.SetIterationTime(now_s);
  }
  state.counters["over_reading_and_writing"] = open_s / floor_s;
}
BENCHMARK(open_half_as_float32)->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
