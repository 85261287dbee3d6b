#include <ATen/core/Tensor.h>
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "archive/archive_reader.hpp"
#include "folder.hpp"
#include "measure.hpp"
#include "model/weights/create_checkpoint.hpp"
#include "session/run_session.hpp"

// Whether the cost of a case depends on the number of cases: whole runs on prompts of five tokens.
// `logit_lens` runs the tool with top_k 5 on the embedded model, `prediction_trajectory` the
// experiment, on a model so small that most of the time is not the model's.
// LENSBENCH_BENCHMARK_CASES is the largest number of cases (default: 20000).

namespace lensbench::benchmarks {
namespace {

/// Cost of the stages of one run.
struct Stages {
  Clock prepare;  ///< plug-ins, model, plan
  Clock start;    ///< folder of the run, keys of the cases, files of the plan
  Clock cases;    ///< from the first case to the last one: computing and commits
  Clock finish;   ///< statistics over the cases
  Clock seal;
  double computing_s = 0;       ///< wall time of the cases without their commits
  std::int64_t peak_bytes = 0;  ///< most memory resident during the run

  Clock whole() const {
    Clock sum = prepare;
    for (const Clock& stage : {start, cases, finish, seal}) sum += stage;
    return sum;
  }
};

void write_model(const std::filesystem::path& directory) {
  const auto config = directory.string() + ".json";
  std::ofstream(config) << R"({"model_type": "gpt2", "vocab_size": 2048, "n_positions": 64,
 "n_embd": 32, "n_layer": 2, "n_head": 2, "layer_norm_epsilon": 1e-5,
 "activation_function": "gelu_new"})";
  create_checkpoint({.config = config, .directory = directory, .dtype = {}});
}

std::vector<CaseInput> five_token_cases(std::int64_t count) {
  std::vector<CaseInput> cases;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    cases.push_back({"case-" + number,
                     "",
                     {17, 18, 19, 20, i % 2048},
                     {{"subject", "subject " + number}, {"note", "a note on case " + number}}});
  }
  return cases;
}

Stages stages_of_run(const RunRequest& request, const std::filesystem::path& out,
                     std::int64_t count) {
  Stages stages;
  reset_peak_resident();
  Clock last = Clock::now();
  const auto take = [&last] {
    const Clock before = std::exchange(last, Clock::now());
    return last - before;
  };
  RunListener listener;
  listener.on_start = [&] { stages.start = take(); };
  listener.on_case = [&](const CaseProgress&) { stages.cases += take(); };
  listener.on_end = [&] { stages.finish = take(); };
  RunSession session(request, listener);
  session.prepare(five_token_cases(count), {});
  stages.prepare = take();
  if (session.execute(out, {}).exit_code() != 0) std::abort();
  stages.seal = take();
  stages.peak_bytes = peak_resident_bytes();
  stages.computing_s = ArchiveReader(out).costs()["case_seconds"].tensor.sum().item<double>();
  return stages;
}

void add_counters(benchmark::State& state, const Stages& stages, std::int64_t count) {
  const double n = static_cast<double>(count) / 1e3;  // milliseconds per case
  const std::string suffix = "_ms_at_" + std::to_string(count);
  const auto add = [&](const std::string& name, double seconds) {
    state.counters[name + suffix] = seconds / n;
  };
  add("user", stages.whole().user_s);
  add("cpu", stages.whole().cpu_s);
  add("wall", stages.whole().wall_s);
  add("computing_wall", stages.computing_s);
  add("cases_cpu", stages.cases.cpu_s);
  add("commit_wall", stages.cases.wall_s - stages.computing_s);
  add("plan_cpu", stages.prepare.cpu_s + stages.start.cpu_s);
  add("finish_cpu", stages.finish.cpu_s);
  add("seal_cpu", stages.seal.cpu_s);
  add("seal_wall", stages.seal.wall_s);
  state.counters["peak_MiB_at_" + std::to_string(count)] =
      static_cast<double>(stages.peak_bytes) / (1 << 20);
  state.counters["cases_per_s_at_" + std::to_string(count)] =
      static_cast<double>(count) / stages.whole().wall_s;
}

/// Runs of `request` with more and more cases; each figure is also given relative to the first run.
void run_by_number_of_cases(benchmark::State& state, const RunRequest& request,
                            const Folder& folder) {
  const char* given = std::getenv("LENSBENCH_BENCHMARK_CASES");
  const std::int64_t most = given != nullptr ? std::atoll(given) : 20'000;
  stages_of_run(request, folder / "first.h5", 10);  // loads libraries
  double first = 0, first_cpu = 0, first_computing = 0;
  for (const std::int64_t count : std::array<std::int64_t, 3>{1'000, 5'000, 20'000}) {
    if (count > most) break;
    const Stages stages = stages_of_run(request, folder / (std::to_string(count) + ".h5"), count);
    add_counters(state, stages, count);
    const double user = stages.whole().user_s / static_cast<double>(count);
    const double cpu = stages.whole().cpu_s / static_cast<double>(count);
    // Computing takes the same for every case: its ratio is that of the machine's speed.
    const double computing = stages.computing_s / static_cast<double>(count);
    if (first == 0) std::tie(first, first_cpu, first_computing) = std::tuple(user, cpu, computing);
    state.counters["user_over_first_at_" + std::to_string(count)] = user / first;
    state.counters["cpu_over_first_at_" + std::to_string(count)] = cpu / first_cpu;
    state.counters["computing_over_first_at_" + std::to_string(count)] =
        computing / first_computing;
  }
}

void cost_of_a_case_by_number_of_cases(benchmark::State& state) {
  for (auto _ : state) {
    const Folder folder;
    write_model(folder / "model");
    RunRequest request;
    request.name = "prediction_trajectory";
    request.model = folder / "model";
    request.threads = 1;
    run_by_number_of_cases(state, request, folder);
  }
}
BENCHMARK(cost_of_a_case_by_number_of_cases)->Iterations(1)->Unit(benchmark::kMillisecond);

void cost_of_a_lens_case_by_number_of_cases(benchmark::State& state) {
  for (auto _ : state) {
    const Folder folder;
    RunRequest request;
    request.kind = PluginEntryKind::tool;
    request.name = "logit_lens";
    request.set = {{"top_k", "5"}};
    request.model = LENSBENCH_BENCHMARK_MODEL;
    request.threads = 1;
    run_by_number_of_cases(state, request, folder);
  }
}
BENCHMARK(cost_of_a_lens_case_by_number_of_cases)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
