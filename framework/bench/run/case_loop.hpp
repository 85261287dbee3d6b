#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/case_services.hpp"
#include "bench/cost_meter.hpp"
#include "bench/run/attempt.hpp"
#include "bench/runner.hpp"

namespace lensbench {

/// One execution of the cases of an experiment. It owns what must end with the run: meter, services
/// and the observers of the tools.
class BoundExperiment::Run {
 public:
  Run(BoundExperiment& bound, const std::vector<CaseInput>& cases, const Parameters& parameters,
      Context& context, ResultSink& sink, const RunControl& control);

  RunReport report();

 private:
  /// Cases that do not run again in a pass, in order.
  struct OverCases {
    std::vector<std::int64_t> complete, failed;
  };

  /// Runs a pass; however it ends, the cases that ended are safe and reported.
  bool run_pass_safely(std::int64_t pass);
  void report_safe_cases();

  /// Runs the cases of a pass that are not done. \return false if it was interrupted
  bool run_pass(std::int64_t pass);
  /// Runs the groups of a pass that this process gets. \return false if it was interrupted
  bool run_groups(std::int64_t pass, const std::vector<std::int64_t>& before,
                  const Summary* earlier);
  /// Whether the next pass, or the summary, may begin. The cases that other processes completed
  /// count from then on.
  bool end_pass(std::int64_t pass);
  /// Cases of a group that have to run in a pass. Those that are done count as completed.
  /// \param before  completed cases of the pass before, in order
  /// \param over    cases of this pass that are over
  std::vector<std::int64_t> waiting_of(const std::vector<std::int64_t>& group, std::int64_t pass,
                                       const std::vector<std::int64_t>& before,
                                       const OverCases& over);
  /// Runs cases of equal length. \return false if it was interrupted
  bool run_group(const std::vector<std::int64_t>& group, std::int64_t pass, const Summary* earlier);
  /// Lets a tool that takes batches answer cases of equal length with one call.
  /// \return false if the cases have to run one by one
  bool run_together(const std::vector<std::int64_t>& group, std::int64_t pass,
                    const CaseBatch* batch);
  /// Runs a case and saves it. \return false if it was interrupted
  bool run_case(std::int64_t index, std::int64_t pass, const Summary* earlier,
                const CaseBatch* batch);

  /// Begins the measurement of the costs of cases, and what they share.
  void begin(std::int64_t index, std::int64_t pass, const CaseBatch* batch);
  /// Ends the case that began, the first one of a group.
  /// \throws RunError if code of a plug-in changed the weights of the model
  CaseCosts end(std::int64_t index);
  /// \param place      beginning of the message
  /// \param otherwise  what to name after it if no tool changed the weights
  /// \throws RunError if the weights were changed in place
  void require_intact_weights(const std::string& place, const std::string& otherwise) const;
  bool should_stop() const { return control_.should_stop && control_.should_stop(); }
  std::optional<CaseBatch> batch_of(const std::vector<std::int64_t>& group);
  bool takes_batches() const;
  const CaseInput& input_of(std::int64_t index) const {
    return cases_[static_cast<std::size_t>(index)];
  }

  template <class Work>
  std::optional<CaseFailure> attempt(std::int64_t index, Work&& work) {
    return lensbench::attempt(index, *bound_.experiment_, std::forward<Work>(work),
                              [this] { return services_.has_called(); });
  }

  /// Saves what a case gave, or its failure.
  void save(const Case* c, std::int64_t index, std::int64_t pass, const CaseCosts& costs,
            std::optional<CaseFailure> failure);
  /// Takes the datasets of a case, checked and with their views.
  std::map<std::string, Dataset> results_of(const Case& c) const;
  /// Saves one case. A dataset that an archive cannot hold is a failure of this case. An archive
  /// that cannot be written ends the run, with every earlier case safe.
  std::optional<CaseFailure> commit(std::int64_t index, std::int64_t pass,
                                    const std::map<std::string, Dataset>& saved,
                                    const CaseCosts& costs);
  void finish();

  BoundExperiment& bound_;
  const std::vector<CaseInput>& cases_;
  const Parameters& parameters_;
  Context& context_;
  ResultSink& sink_;
  const RunControl& control_;
  RunReport report_;
  std::vector<std::pair<std::int64_t, bool>>
      unsafe_;  ///< cases that ended, and whether they failed
  CostMeter meter_;
  CaseServices services_;
  MeteredSlots slots_;
  AllCases all_;
  CaseSource& source_;
  std::int64_t batches_ = 0;  ///< number of batches so far
};

}  // namespace lensbench
