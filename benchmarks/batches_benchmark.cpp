#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "bench/input/case_batches.hpp"
#include "folder.hpp"
#include "measure.hpp"
#include "model/weights/create_checkpoint.hpp"
#include "session/run_session.hpp"
#include "support/random_model.hpp"

// Whole runs of the tool `logit_lens` over many short prompts at the shape of GPT-2 small, archive
// included, against the bare matrix products of the same batches in the same run.
// LENSBENCH_BENCHMARK_PROMPTS is the number of prompts (default: 320).

namespace lensbench::benchmarks {
namespace {

constexpr std::int64_t kTokens = 16;

void write_gpt2_small(const std::filesystem::path& directory) {
  const auto config = directory.string() + ".json";
  std::ofstream(config) << R"({"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024,
 "n_embd": 768, "n_layer": 12, "n_head": 12, "layer_norm_epsilon": 1e-5,
 "activation_function": "gelu_new"})";
  create_checkpoint({.config = config, .directory = directory, .dtype = {}});
}

std::vector<CaseInput> short_cases(std::int64_t count) {
  std::vector<CaseInput> cases;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<std::int64_t> ids;
    for (std::int64_t k = 0; k < kTokens; ++k) ids.push_back((i * 7919 + k * 191) % 50257);
    cases.push_back({"case-" + std::to_string(i), "", ids, {}});
  }
  return cases;
}

double seconds_of(const at::Tensor& x, const at::Tensor& w, at::Tensor& y) {
  const Clock start = Clock::now();
  at::mm_out(y, x, w.t());
  return (Clock::now() - start).wall_s;
}

/// The products that one batch of prompts needs: all blocks, and the lens at each layer.
double seconds_of_bare_products(const TransformerSpec& spec, std::int64_t prompts) {
  const at::NoGradGuard no_gradients;
  const std::int64_t rows = prompts * kTokens, d = spec.d_model;
  const at::Tensor x = at::randn({rows, d}), wide = at::randn({rows, spec.mlp.d_mlp});
  const at::Tensor attention = at::randn({4 * d, d}), in = at::randn({spec.mlp.d_mlp, d}),
                   out = at::randn({d, spec.mlp.d_mlp}), vocab = at::randn({spec.vocab_size, d});
  at::Tensor y4 = at::empty({rows, 4 * d}), y_in = at::empty({rows, spec.mlp.d_mlp}),
             y_out = at::empty({rows, d}), logits = at::empty({rows, spec.vocab_size});
  seconds_of(x, vocab, logits);  // touches the output's pages
  const auto layers = static_cast<double>(spec.n_layers);
  double best = 1e9;
  for (int i = 0; i < 5; ++i)
    best = std::min(best, layers * (seconds_of(x, attention, y4) + seconds_of(x, in, y_in) +
                                    seconds_of(wide, out, y_out)) +
                              (layers + 1) * seconds_of(x, vocab, logits));
  return best;
}

void lens_of_short_prompts(benchmark::State& state) {
  const char* given = std::getenv("LENSBENCH_BENCHMARK_PROMPTS");
  const std::int64_t count = given != nullptr ? std::atoll(given) : 320;
  const TransformerSpec spec = gpt2_small_spec();
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(count), kTokens);
  const std::int64_t together = std::ssize(form_batches(lengths, most_batch_columns(spec)).front());
  const Folder folder;
  write_gpt2_small(folder / "model");
  for (auto _ : state) {
    std::filesystem::remove(folder / "lens.h5");
    RunRequest request;
    request.kind = PluginEntryKind::tool;
    request.name = "logit_lens";
    request.model = folder / "model";
    RunSession session(request, {});
    session.prepare(short_cases(count), {});
    const double floor_s = seconds_of_bare_products(spec, together) / static_cast<double>(together);
    const Clock start = Clock::now();
    if (session.execute(folder / "lens.h5", {}).exit_code() != 0) std::abort();
    const double prompt_s = (Clock::now() - start).wall_s / static_cast<double>(count);
    state.counters["prompts_together"] = static_cast<double>(together);
    state.counters["prompt_ms"] = prompt_s * 1e3;
    state.counters["products_ms"] = floor_s * 1e3;
    state.counters["over_products"] = prompt_s / floor_s;
  }
}
BENCHMARK(lens_of_short_prompts)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
