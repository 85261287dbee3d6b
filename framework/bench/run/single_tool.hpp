#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/uses.hpp>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

/// Built-in experiment around one tool, for `lensbench tool`: everything that holds for experiments
/// holds for it.
class SingleTool final : public Experiment {
 public:
  explicit SingleTool(const std::string& tool) : slot_(this, tool) {}

  /// The tool's own check, of a tool without parameters too.
  void check_parameters(const Parameters& parameters, const Model& model) override;
  void run(Case& c) override;

  bool takes_batches() const;
  /// Answers several cases at once; the results are saved one by one, with `save`.
  std::vector<Dataset> run_batch(const std::vector<std::unique_ptr<Case>>& cases);
  /// Saves the result of a case. \throws ResultError if it is malformed
  void save(Case& c, Dataset result) const;

 private:
  Uses<Tool> slot_;
};

/// Question of a case to a tool that is run alone.
Request request_of(const Tool& tool, const Case& c);

}  // namespace lensbench
