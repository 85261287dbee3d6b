#include "durability/command_run.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "support/folders.hpp"

namespace lensbench::testing {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<std::string> lens_command(const fs::path& out) {
  std::vector<std::string> command = {build_folder() + "/bin/lensbench",
                                      "tool",
                                      "logit_lens",
                                      "--model",
                                      source_folder() + "/models/kjv-gpt2",
                                      "--set",
                                      "top_k=2",
                                      "--threads",
                                      "1",
                                      "--progress",
                                      "json",
                                      "--out",
                                      out};
  for (int i = 0; i < kCommandCases; ++i)
    command.insert(command.end(), {"--ids", "5 9 " + std::to_string(200 + i)});
  return command;
}

Reported report_of(Outcome outcome, const fs::path& out) {
  Reported reported{std::move(outcome), {}, "", ""};
  std::istringstream lines(reported.outcome.err);
  for (std::string line; std::getline(lines, line);) {
    const json told = json::parse(line, nullptr, false);
    if (told.is_object() && told.value("status", "") == "complete")
      reported.done.insert(told["case"].get<int>());
  }
  std::istringstream sidecar(slurp(out.string() + ".sha256"));
  for (std::string name, digest; sidecar >> name >> digest;) {
    if (name == "results_sha256") reported.results = digest;
    if (name == "recipe_sha256") reported.recipe = digest;
  }
  return reported;
}

std::vector<std::string> faults(const fs::path& root, long at, FaultMode mode,
                                const fs::path& log) {
  return {std::string("LD_PRELOAD=") + build_folder() + "/lib/fixtures/libio_faults.so",
          "LENSBENCH_FAULT_ROOT=" + root.string(), "LENSBENCH_FAULT_AT=" + std::to_string(at),
          std::string("LENSBENCH_FAULT_MODE=") + kFaultModes[static_cast<int>(mode)],
          "LENSBENCH_FAULT_LOG=" + log.string()};
}

pid_t start_with(const std::vector<std::string>& variables, std::vector<std::string> command,
                 const fs::path& notes) {
  std::vector<std::string> whole = {"/usr/bin/env"};
  whole.insert(whole.end(), variables.begin(), variables.end());
  whole.insert(whole.end(), command.begin(), command.end());
  return start(whole, notes);
}

const Reported& undisturbed_command() {
  static const Reported reported = [] {
    const TempDir folder;
    return report_of(run(lens_command(folder / "a.h5")), folder / "a.h5");
  }();
  return reported;
}

void expect_resumes(const fs::path& folder, const std::set<int>& done) {
  const fs::path out = folder / "a.h5";
  auto command = lens_command(out);
  command.push_back("--resume");
  const Reported resumed = report_of(run(command), out);
  EXPECT_EQ(resumed.outcome.exit_code, 0) << resumed.outcome.err;
  for (const int one : done)
    EXPECT_EQ(resumed.done.count(one), 0U) << "case " << one << " was lost";
  EXPECT_EQ(resumed.results, undisturbed_command().results);
  EXPECT_EQ(resumed.recipe, undisturbed_command().recipe);
  const auto verified = lensbench({"verify", out});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"a.h5", "a.h5.sha256"}));
}

}  // namespace lensbench::testing
