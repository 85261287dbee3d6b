#include "durability/workload.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/nonzero.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/finished_run.hpp"
#include "support/temp_dir.hpp"
#include "support/variables.hpp"

namespace lensbench::testing {
namespace {

namespace fs = std::filesystem;

const nlohmann::json kEnvironment = {{"threads", 1}}, kRun = {{"host", "here"}};

at::Tensor values_of(std::int64_t index) {
  return at::arange(3 * (index + 1), at::kFloat).reshape({3, index + 1}) + 100 * index;
}

bool same_values(const Dataset& found, std::int64_t index) {
  return at::equal(found["entropy"].tensor, values_of(index));
}

/// The rows of one case in a joined dataset.
bool sealed_holds_case(const fs::path& out, std::int64_t index) {
  const Dataset lens = ArchiveReader(out).read("lens");
  const at::Tensor rows = at::nonzero(lens["case"].tensor == index).flatten();
  return at::equal(lens["entropy"].tensor.index_select(1, rows), values_of(index));
}

nlohmann::json resume_and_tell(const fs::path& out, const std::string& acknowledged) {
  nlohmann::json told = {{"kept", true}};
  for (const char letter : acknowledged)
    if (letter - '0' != kFailingCase && !holds_case(out, letter - '0')) told["kept"] = false;
  try {
    const SealResult sealed = run_workload(out, true, [](std::int64_t) {});
    told["digests"] = {sealed.digests.results, sealed.digests.recipe, sealed.digests.environment};
  } catch (const std::exception& error) {
    told["error"] = error.what();
  }
  return told;
}

}  // namespace

RunPlan workload_plan() {
  RunPlan plan;
  plan.title = "work";
  plan.experiment = "look";
  plan.experiment_version = "1.0.0";
  plan.request = {{"seed", 1}};
  plan.source = "class Look {};";
  for (std::int64_t i = 0; i < kCases; ++i)
    plan.cases.push_back({"case" + std::to_string(i), "", i + 1, std::string(64, 'c'),
                          std::vector<std::int64_t>(static_cast<std::size_t>(i) + 1, 17)});
  return plan;
}

std::map<std::string, Dataset> workload_result(std::int64_t index) {
  Dataset dataset;
  const auto n = static_cast<std::size_t>(index) + 1;
  add_token_axis(dataset, std::vector<std::int64_t>(n, 17), std::vector<std::string>(n, "In"));
  add_layer_axis(dataset, 2);
  dataset.add(numbers("entropy", {"layer", "token"}, values_of(index), "nats"));
  dataset.receipts = {make_receipt("holds", 0, 1e-5)};
  return {{"lens", dataset}};
}

SealResult run_workload(const fs::path& out, bool resume,
                        const std::function<void(std::int64_t)>& done, const CommitRules& rules) {
  const RunPlan plan = workload_plan();
  if (resume && fs::exists(out)) return finish_sealed_run(out, plan).sealed;
  RunWriter writer = RunWriter::start(out, plan, resume, rules);
  const auto known = writer.done();
  std::vector<std::int64_t> unsafe;
  const auto report = [&] {
    for (const std::int64_t index : std::exchange(unsafe, {})) done(index);
  };
  for (std::int64_t i = 0; i < kCases; ++i) {
    if (std::find(known.begin(), known.end(), i) != known.end()) continue;
    if (i == kFailingCase)
      writer.commit_failure(i, "no answer", {});
    else
      writer.commit(i, workload_result(i), {});
    unsafe.push_back(i);
    if (writer.is_safe()) report();
  }
  writer.make_safe();
  report();
  return writer.seal({}, {{17, "In"}}, {}, kEnvironment, kRun);
}

bool holds_case(const fs::path& out, std::int64_t index) {
  try {
    if (fs::exists(out)) return sealed_holds_case(out, index);
    const RunWriter writer = RunWriter::start(out, workload_plan(), true);
    return same_values(writer.read(index, "lens"), index);
  } catch (const Error&) {
    return false;
  }
}

Recovered recover(const fs::path& out, const std::string& acknowledged) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = resume_and_tell(out, acknowledged).dump();
    _exit(write(ends[1], text.data(), text.size()) < 0);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const auto told = nlohmann::json::parse(text, nullptr, false);
  if (told.is_discarded()) return {false, "", "", "", "the process ended"};
  Recovered recovered{told["kept"], "", "", "", told.value("error", "")};
  if (told.contains("digests")) {
    recovered.results = told["digests"][0];
    recovered.recipe = told["digests"][1];
    recovered.environment = told["digests"][2];
  }
  return recovered;
}

const SealResult& undisturbed() {
  static const SealResult sealed = [] {
    const TempDir folder;
    return run_workload(folder / "whole.h5", false, [](std::int64_t) {});
  }();
  return sealed;
}

}  // namespace lensbench::testing
