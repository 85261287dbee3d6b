#include "experiments/experiment_run.hpp"

#include <algorithm>

#include "support/contexts.hpp"
#include "support/folders.hpp"

namespace lensbench::testing {

std::vector<Dataset> ExperimentRun::saved(const std::string& name) const {
  std::vector<Dataset> datasets;
  for (const auto& [number, all] : sink.committed) datasets.push_back(all.at(name));
  return datasets;
}

int ExperimentRun::most_reads(const std::string& name) const {
  int most = 0;
  for (const auto& [key, count] : sink.reads)
    if (key.second == name) most = std::max(most, count);
  return most;
}

std::vector<CaseInput> prompts_with_a_broken_one() {
  return {{"moses", "And the LORD spake unto Moses,", {}, {}},
          {"jacob", " the God of Abraham, of Isaac, and of", {}, {}},
          {"broken", "", {1, 2, 1'000'000'000}, {}},
          {"jesus", "And Jesus answered and said unto", {}, {}},
          {"land", "in the land of", {}, {}},
          {"verily", "Verily, verily, I say unto", {}, {}}};
}

ExperimentRun run_experiment(const std::string& name, const std::string& model,
                             const std::vector<CaseInput>& cases,
                             const std::map<std::string, std::string>& set, std::uint64_t seed) {
  PluginHost host;
  host.load_directory(build_folder() + "/lib/lensbench/plugins");
  Context context = testing::context_of(Model::open(model), seed);
  BoundExperiment bound(host, create_experiment(host, name), context);
  const auto parameters = host.resolve(host.find(PluginEntryKind::experiment, name), set);
  ExperimentRun run;
  run.report = bound.run(cases, parameters, context, run.sink);
  return run;
}

}  // namespace lensbench::testing
