#pragma once

#include <lensbench/experiment.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/plugin_handles.hpp"
#include "support/folders.hpp"

namespace lensbench::testing {

/// Cases that no model ran: what an experiment makes of results that are hard to come by.
class HandmadeSummary final : public Summary {
 public:
  /// \param results  what each case saved under `name`
  HandmadeSummary(std::string name, std::vector<Dataset> results)
      : name_(std::move(name)), results_(std::move(results)) {
    for (std::int64_t i = 0; i < std::ssize(results_); ++i) cases_.push_back(i);
  }

  const std::vector<std::int64_t>& cases() const override { return cases_; }
  Dataset dataset(std::int64_t number, const std::string& name) const override {
    if (name != name_) throw UsageError("no case saved '" + name + "'");
    return results_.at(static_cast<std::size_t>(number));
  }
  void save(const std::string& name, Dataset dataset) override { saved[name] = std::move(dataset); }
  const CaseInput& input(std::int64_t number) const override {
    return inputs.at(static_cast<std::size_t>(number));
  }
  const Parameters& parameters() const override { return values; }
  std::uint64_t seed() const override { return 0; }

  std::map<std::string, Dataset> saved;
  std::vector<CaseInput> inputs;
  Parameters values;

 private:
  std::string name_;
  std::vector<Dataset> results_;
  std::vector<std::int64_t> cases_;
};

/// Defaults of the parameters of a shipped experiment, and those that are set.
inline Parameters parameters_of(const std::string& experiment, const Settings& set = {}) {
  PluginHost host;
  host.load_directory(build_folder() + "/lib/lensbench/plugins");
  return host.resolve(host.find(PluginEntryKind::experiment, experiment), set);
}

/// Lets a shipped experiment sum up.
inline void finish_experiment(const std::string& experiment, Summary& summary) {
  PluginHost host;
  host.load_directory(build_folder() + "/lib/lensbench/plugins");
  create_experiment(host, experiment)->finish(summary);
}

}  // namespace lensbench::testing
