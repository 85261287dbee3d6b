#include "bench/runner.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>

#include "bench/cost_meter.hpp"
#include "bench/parameter_check.hpp"
#include "bench/result_check.hpp"
#include "bench/result_name.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

constexpr const char* kMissingTool = "a declared tool is missing:";

// Built-in experiment around one tool, for `lensbench tool`.
class SingleTool final : public Experiment {
 public:
  explicit SingleTool(const std::string& tool) : slot_(this, tool) {}

  void run(Case& c) override {
    Dataset result = slot_->run(c.request(c.parameters()));
    check_result(result, "tool '" + slot_.tool_name() + "' returned a malformed dataset");
    c.save(slot_.tool_name(), std::move(result));
  }

 private:
  Uses<Tool> slot_;
};

class SinkSummary final : public Summary {
 public:
  SinkSummary(const ResultSink& sink, const std::vector<std::int64_t>& cases,
              const std::vector<CaseInput>& inputs, const Parameters& parameters,
              std::uint64_t seed, std::map<std::string, Dataset>& saved)
      : sink_(sink),
        cases_(cases),
        inputs_(inputs),
        parameters_(parameters),
        seed_(seed),
        saved_(saved) {}

  const std::vector<std::int64_t>& cases() const override { return cases_; }

  const CaseInput& input(std::int64_t case_number) const override {
    if (!std::binary_search(cases_.begin(), cases_.end(), case_number))
      throw UsageError("case " + std::to_string(case_number) + " is not a completed case");
    return inputs_[static_cast<std::size_t>(case_number)];
  }

  Dataset dataset(std::int64_t case_number, const std::string& name) const override {
    const auto names = sink_.names(case_number);
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw UsageError("case " + std::to_string(case_number) + " did not save '" + name + "'" +
                       suggest(name, names));
    return sink_.read(case_number, name);
  }

  void save(const std::string& name, Dataset dataset) override {
    check_result_name(name);
    if (!cases_.empty()) {
      const auto taken = sink_.names(cases_.front());
      if (std::find(taken.begin(), taken.end(), name) != taken.end())
        throw UsageError("finish saved '" + name +
                         "', which cases also saved; give the summary its own name");
    }
    check_result(dataset, "dataset '" + name + "'");
    if (!saved_.emplace(name, std::move(dataset)).second)
      throw UsageError("finish saved '" + name + "' twice; give each dataset its own name");
  }

  const Parameters& parameters() const override { return parameters_; }
  std::uint64_t seed() const override { return seed_; }

 private:
  const ResultSink& sink_;
  const std::vector<std::int64_t>& cases_;
  const std::vector<CaseInput>& inputs_;
  const Parameters& parameters_;
  std::uint64_t seed_;
  std::map<std::string, Dataset>& saved_;
};

// Adds to `message` the tools from whose calls the exception came.
std::string with_tools(const std::string& message, const Experiment& experiment) {
  const auto& tools = experiment.failed_tools();
  if (tools.empty() || message.starts_with("tool '")) return message;
  return "tool '" + join(tools, "' or '") + "': " + message;
}

// Names the tools whose result was saved in the expression that threw the refusal.
std::string source_of(const Experiment& experiment) {
  const auto& tools = experiment.failed_tools();
  return tools.empty() ? "" : " (saved from tool '" + join(tools, "' or '") + "')";
}

// Runs `work` of an experiment and turns any exception into a failure.
template <class Work>
std::optional<CaseFailure> attempt(std::int64_t index, const Experiment& experiment, Work&& work) {
  const auto failure = [&](const std::string& message, int exit_code) {
    return CaseFailure{index, with_tools(message, experiment), exit_code};
  };
  try {
    work();
    return std::nullopt;
  } catch (const SaveError& error) {
    return CaseFailure{index, error.what(), error.exit_code()};
  } catch (const ResultError& error) {
    return CaseFailure{index, error.what() + source_of(experiment), error.exit_code()};
  } catch (const Error& error) {
    return failure(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    return failure(error.what_without_backtrace(), 5);
  } catch (const std::exception& error) {
    return failure(error.what(), 5);
  } catch (const std::string& text) {
    return failure(text, 5);
  } catch (const char* text) {
    return failure(text, 5);
  } catch (...) {
    return failure("threw something that is not a std::exception", 5);
  }
}

// Checks that the tool can analyse the model; if not, it throws UsageError.
void check_compatible(const Tool& tool, const std::string& name, const Model& model) {
  const std::string subject = "tool '" + name + "': its check of the model failed: ";
  try {
    tool.check_compatible(model);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw RunError(subject + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw RunError(subject + error.what());
  } catch (...) {
    throw RunError(subject + "it threw something that is not a std::exception");
  }
}

// Whether the tool was built with the typed interface that the experiment was built with. A slot of
// type `Tool` uses none.
bool has_interface(const PluginInfo& tool, const ToolSlot& slot) {
  const char* version = slot.interface_version();
  return version == nullptr || tool.interface_version == version;
}

[[noreturn]] void throw_finish_error(const CaseFailure& failure) {
  const std::string message = "the experiment's summary over the cases failed: " + failure.message;
  if (failure.exit_code == 2) throw UsageError(message);
  if (failure.exit_code == 3) throw InputError(message);
  throw RunError(message);
}

// Saves one case. A dataset that an archive cannot hold is a failure of this case. An archive that
// cannot be written ends the run, with every earlier case safe.
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

void load_declared_tools(const PluginHost& host, const Experiment& experiment) {
  std::string problems;
  for (const auto* slot : experiment.tool_slots()) {
    try {
      create_tool(host, slot->tool_name());
    } catch (const PluginError& error) {
      problems += std::string("\n  ") + error.what();
    }
  }
  if (!problems.empty()) throw PluginError(PluginFault::not_found, kMissingTool + problems);
}

BoundExperiment::BoundExperiment(const PluginHost& host, ExperimentHandle experiment,
                                 Context& context)
    : experiment_(std::move(experiment)) {
  std::string problems;
  for (auto* slot : experiment_->tool_slots()) {
    const auto& name = slot->tool_name();
    try {
      const PluginInfo& info = host.find(PluginEntryKind::tool, name);
      auto tool = create_tool(host, name);
      tool->attach(context, info.parameters, "tool '" + name + "'");
      if (!slot->bind(*tool) || !has_interface(info, *slot)) {
        problems += "\n  tool '" + name + "' of '" + info.path.string() +
                    "' does not implement the interface this experiment was built for; rebuild "
                    "both against the same lensbench";
        continue;
      }
      check_compatible(*tool, name, context.model());
      context.expect(tool->usual_hooks(context.model().spec()));
      tools_.push_back(std::move(tool));
      tool_names_.push_back(name);
      schemas_.push_back(info.results);
    } catch (const PluginError& error) {
      problems += std::string("\n  ") + error.what();
    }
  }
  if (!problems.empty()) throw PluginError(PluginFault::not_found, kMissingTool + problems);
}

BoundExperiment BoundExperiment::of_tool(const PluginHost& host, const std::string& tool,
                                         Context& context) {
  host.find(PluginEntryKind::tool, tool);  // throws if the tool is unknown
  ExperimentHandle single(new SingleTool(tool),
                          {[](void* object) { delete static_cast<Experiment*>(object); }});
  BoundExperiment bound(host, std::move(single), context);
  bound.is_single_tool_ = true;
  return bound;
}

void BoundExperiment::check_parameters(const Parameters& parameters, const Model& model) const {
  check_against_model(parameters, model);
  if (is_single_tool_) tools_.front()->check_parameters(parameters);
}

// A result of a tool run alone must be what the tool declares. An experiment may change the results
// of its tools before it saves them.
void BoundExperiment::check_schema(const Dataset& dataset) const {
  if (!is_single_tool_ || schemas_.front().empty()) return;
  const auto problem = schema_problem(schemas_.front(), dataset);
  if (!problem.empty())
    throw ResultError("tool '" + tool_names_.front() +
                      "' returned another result than it declares: " + problem);
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
    auto failure = attempt(index, *experiment_, [&] {
      Case c(index, cases[static_cast<std::size_t>(index)], context, parameters);
      experiment_->run(c);
      saved = c.saved();
      for (auto& [name, dataset] : saved) {
        check_schema(dataset);
        add_views(dataset, schemas_);
      }
    });
    const CaseCosts costs = meter.end_case();
    if (!failure) failure = commit(sink, index, saved, costs);
    if (failure) {
      sink.commit_failure(index, failure->message, costs);
      report.failures.push_back(*failure);
    } else {
      report.completed.push_back(index);
    }
    if (control.on_case) control.on_case(index, failure.has_value());
  }
  if (!report.completed.empty()) {
    SinkSummary summary(sink, report.completed, cases, parameters, context.seed(),
                        report.summaries);
    // The cases are safe, but without their summary the run is incomplete.
    if (const auto failure = attempt(-1, *experiment_, [&] { experiment_->finish(summary); }))
      throw_finish_error(*failure);
    for (auto& [name, dataset] : report.summaries) add_views(dataset, schemas_);
  }
  report.peak_memory_bytes = meter.peak_memory_bytes();
  return report;
}

}  // namespace lensbench
