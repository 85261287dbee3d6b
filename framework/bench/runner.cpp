#include "bench/runner.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>

#include "bench/cost_meter.hpp"
#include "bench/result_name.hpp"
#include "core/suggest.hpp"

namespace lensbench {
namespace {

// The bench's own experiment around one tool, for `lensbench tool`.
class SingleTool final : public Experiment {
 public:
  explicit SingleTool(const std::string& tool) : slot_(this, tool) {}

  void run(Case& c) override { c.save(slot_.tool_name(), slot_->run(c.tokens(), c.parameters())); }

 private:
  Uses<Tool> slot_;
};

class SinkSummary final : public Summary {
 public:
  SinkSummary(const ResultSink& sink, const std::vector<std::int64_t>& cases,
              const Parameters& parameters, std::map<std::string, Dataset>& saved)
      : sink_(sink), cases_(cases), parameters_(parameters), saved_(saved) {}

  const std::vector<std::int64_t>& cases() const override { return cases_; }

  Dataset dataset(std::int64_t case_number, const std::string& name) const override {
    const auto names = sink_.names(case_number);
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw UsageError("case " + std::to_string(case_number) + " saved no '" + name + "'" +
                       suggest(name, names));
    return sink_.read(case_number, name);
  }

  void save(const std::string& name, Dataset dataset) override {
    check_result_name(name);
    if (!cases_.empty()) {
      const auto taken = sink_.names(cases_.front());
      if (std::find(taken.begin(), taken.end(), name) != taken.end())
        throw UsageError("finish saved '" + name +
                         "', which cases also saved; give the summary a name of its own");
    }
    if (!saved_.emplace(name, std::move(dataset)).second)
      throw UsageError("finish saved '" + name + "' twice; give each dataset a name of its own");
  }

  const Parameters& parameters() const override { return parameters_; }

 private:
  const ResultSink& sink_;
  const std::vector<std::int64_t>& cases_;
  const Parameters& parameters_;
  std::map<std::string, Dataset>& saved_;
};

// Runs `work` and turns whatever it throws into a failure of this case.
template <class Work>
std::optional<CaseFailure> attempt(std::int64_t index, Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return CaseFailure{index, error.what(), error.exit_code()};
  } catch (const c10::Error& error) {
    return CaseFailure{index, error.what_without_backtrace(), 5};
  } catch (const std::exception& error) {
    return CaseFailure{index, error.what(), 5};
  } catch (...) {
    return CaseFailure{index, "a tool threw something that is no exception", 5};
  }
}

// A dataset that no archive can hold is this case's failure. An archive that cannot be written is
// no case's fault: that ends the run, with every earlier case safe.
std::optional<CaseFailure> commit(ResultSink& sink, std::int64_t index,
                                  const std::map<std::string, Dataset>& saved,
                                  const CaseCosts& costs) {
  try {
    sink.commit(index, saved, costs);
    return std::nullopt;
  } catch (const UsageError& error) {
    return CaseFailure{index, error.what(), error.exit_code()};
  }
}

}  // namespace

ResultSink::~ResultSink() = default;

int RunReport::exit_code() const {
  if (failures.empty()) return 0;
  return completed.empty() ? failures.front().exit_code : 5;
}

BoundExperiment::BoundExperiment(const PluginHost& host, ExperimentHandle experiment,
                                 Context& context)
    : experiment_(std::move(experiment)) {
  std::string problems;
  for (auto* slot : experiment_->tool_slots()) {
    const auto& name = slot->tool_name();
    try {
      auto tool = host.create_tool(name);
      tool->attach(context);
      if (!slot->bind(*tool)) {
        problems += "\n  tool '" + name + "' of '" +
                    host.find(PluginEntryKind::tool, name).path.string() +
                    "' does not implement the interface this experiment was built for; rebuild "
                    "both against the same lensbench";
        continue;
      }
      tool->check_compatible(context.model());
      context.expect(tool->usual_hooks(context.model().spec()));
      tools_.push_back(std::move(tool));
      tool_names_.push_back(name);
    } catch (const PluginError& error) {
      problems += std::string("\n  ") + error.what();
    }
  }
  if (!problems.empty())
    throw PluginError(PluginFault::not_found, "a declared tool is missing:" + problems);
}

BoundExperiment BoundExperiment::of_tool(const PluginHost& host, const std::string& tool,
                                         Context& context) {
  host.find(PluginEntryKind::tool, tool);  // its own sentence when there is none
  ExperimentHandle single(new SingleTool(tool),
                          {[](void* object) { delete static_cast<Experiment*>(object); }});
  return BoundExperiment(host, std::move(single), context);
}

RunReport BoundExperiment::run(const std::vector<CaseInput>& cases, const Parameters& parameters,
                               Context& context, ResultSink& sink, const RunControl& control) {
  RunReport report;
  CostMeter meter(profile_of(context.model()));
  const MeteredSlots slots(experiment_->tool_slots(), meter);
  auto done = sink.done();
  std::sort(done.begin(), done.end());
  for (std::int64_t index = 0; index < static_cast<std::int64_t>(cases.size()); ++index) {
    if (std::binary_search(done.begin(), done.end(), index)) {
      report.completed.push_back(index);
      continue;
    }
    if (control.should_stop && control.should_stop()) {
      report.interrupted = true;
      return report;
    }
    meter.begin_case();
    std::map<std::string, Dataset> saved;
    context.begin_case();
    auto failure = attempt(index, [&] {
      Case c(index, cases[static_cast<std::size_t>(index)], context, parameters);
      experiment_->run(c);
      saved = c.saved();
    });
    const CaseCosts costs = meter.end_case();
    if (!failure) failure = commit(sink, index, saved, costs);
    if (failure) {
      sink.commit_failure(index, failure->message);
      report.failures.push_back(*failure);
    } else {
      report.completed.push_back(index);
    }
    if (control.on_case) control.on_case(index, failure.has_value());
  }
  if (!report.completed.empty()) {
    SinkSummary summary(sink, report.completed, parameters, report.summaries);
    experiment_->finish(summary);
  }
  report.peak_memory_bytes = meter.peak_memory_bytes();
  return report;
}

}  // namespace lensbench
