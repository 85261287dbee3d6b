#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "core/files/sha256.hpp"
#include "folder.hpp"
#include "logit_lens/logit_lens.hpp"
#include "measure.hpp"
#include "support/contexts.hpp"
#include "support/random_model.hpp"

// What an archive costs: against the analysis it keeps, and against writing the same bytes to a
// plain file (write, fsync), by turns in the same run. A LENSBENCH_BENCHMARK_FOLDER in memory would
// make fsync free.

namespace lensbench::benchmarks {
namespace {

namespace fs = std::filesystem;

RunPlan plan_of(std::int64_t cases) {
  RunPlan plan;
  plan.title = plan.experiment = "benchmark";
  plan.experiment_version = "1.0.0";
  plan.request = nlohmann::json::object();
  for (std::int64_t i = 0; i < cases; ++i)
    plan.cases.push_back({"case-" + std::to_string(i), "text", 1, "", {0}});
  return plan;
}

Clock time_of(const std::function<void()>& work) {
  const Clock start = Clock::now();
  work();
  return Clock::now() - start;
}

/// By wall clock or by processor time.
using Measure = double Clock::*;

double best(const std::vector<Clock>& times, Measure measure) {
  double least = times.front().*measure;
  for (const Clock& one : times) least = std::min(least, one.*measure);
  return least;
}

double sum(const std::vector<Clock>& times, Measure measure) {
  double total = 0;
  for (const Clock& one : times) total += one.*measure;
  return total;
}

/// Commits and seals of a lens run over prompts of `positions` tokens, as a share of the run.
void archive_share_of_a_lens_run(benchmark::State& state) {
  constexpr std::int64_t kCases = 4;
  const auto model = random_model(gpt2_small_spec(), 1);
  Context context = lensbench::testing::context_of(model);
  lens::LogitLensTool tool;
  tool.attach(context);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(state.range(0)));
  std::vector<Clock> analysis, archive;
  for (auto _ : state) {
    const Folder folder;
    auto writer = RunWriter::start(folder / "a.h5", plan_of(kCases), false);
    for (std::int64_t i = 0; i < kCases; ++i) {
      for (std::size_t k = 0; k < ids.size(); ++k)
        ids[k] = static_cast<std::int64_t>((k * 191 + static_cast<std::size_t>(i) * 7) % 50257);
      Dataset result;
      analysis.push_back(time_of([&] { result = tool.analyze(tokens_from_ids(*model, ids), {}); }));
      archive.push_back(time_of([&] { writer.commit(i, {{"logit_lens", result}}, {}); }));
    }
    archive.push_back(time_of([&] {
      std::map<std::int64_t, std::string> texts;
      for (const auto id : writer.token_ids()) texts[id] = std::to_string(id);
      writer.seal({}, texts, {}, nlohmann::json::object(), nlohmann::json::object());
    }));
  }
  const auto share = [&](Measure measure) {
    const double ours = sum(archive, measure);
    return 100 * ours / (ours + sum(analysis, measure));
  };
  state.counters["analysis_s"] = sum(analysis, &Clock::wall_s);
  state.counters["archive_s"] = sum(archive, &Clock::wall_s);
  state.counters["archive_share_percent"] = share(&Clock::wall_s);
  state.counters["archive_share_percent_cpu"] = share(&Clock::cpu_s);
}
BENCHMARK(archive_share_of_a_lens_run)
    ->Arg(256)
    ->Arg(32)
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

/// One variable of 128 MiB, as `activations` gives it.
Dataset large_dataset(const at::Tensor& values) {
  Dataset dataset;
  dataset.add("blocks_hook_resid_post", {"token", "d_model"}, values, "1", "residual stream");
  return dataset;
}

void write_plainly(const fs::path& path, const at::Tensor& values) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
  const char* data = static_cast<const char*>(values.data_ptr());
  for (std::size_t left = values.nbytes(); left > 0;) {
    const ssize_t n = write(file, data, left);
    if (n < 0) std::abort();
    data += n;
    left -= static_cast<std::size_t>(n);
  }
  if (fsync(file) != 0 || close(file) != 0) std::abort();
}

/// Until a large case is safe: `commit` against a plain write and fsync of the same numbers. Then
/// the seal, which hashes all of it twice (the packed content, and the file that results):
/// against SHA-256 of the same bytes.
void large_variable_against_plain_write(benchmark::State& state) {
  const at::Tensor values = at::randn({43690, 768});
  const std::string_view bytes(static_cast<const char*>(values.data_ptr()), values.nbytes());
  const Dataset dataset = large_dataset(values);
  std::vector<Clock> plain, commit, seal, hash;
  for (auto _ : state) {
    const Folder folder;
    auto writer = RunWriter::start(folder / "a.h5", plan_of(1), false);
    plain.push_back(time_of([&] { write_plainly(folder / "plain", values); }));
    commit.push_back(time_of([&] { writer.commit(0, {{"activations", dataset}}, {}); }));
    const auto nothing = nlohmann::json::object();
    seal.push_back(time_of([&] { writer.seal({}, {}, {}, nothing, nothing); }));
    hash.push_back(time_of([&] { benchmark::DoNotOptimize(sha256_hex(bytes)); }));
    state.SetIterationTime(commit.back().wall_s);
  }
  const double mega = static_cast<double>(values.nbytes()) / 1e6;
  const double plain_s = best(plain, &Clock::wall_s), commit_s = best(commit, &Clock::wall_s);
  const double seal_s = best(seal, &Clock::wall_s);
  state.counters["plain_MB_per_s"] = mega / plain_s;
  state.counters["commit_MB_per_s"] = mega / commit_s;
  state.counters["commit_MB_per_cpu_s"] = mega / best(commit, &Clock::cpu_s);
  state.counters["rate_percent_of_plain"] = 100 * plain_s / commit_s;
  state.counters["seal_MB_per_s"] = mega / seal_s;
  state.counters["sha256_MB_per_s"] = mega / best(hash, &Clock::wall_s);
  state.counters["seal_over_two_sha256"] = seal_s / (2 * best(hash, &Clock::wall_s));
}
BENCHMARK(large_variable_against_plain_write)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
