#include "bench/runner.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/case_input.hpp"
#include "bench/case_services.hpp"
#include "bench/cost_meter.hpp"
#include "bench/parameter_check.hpp"
#include "bench/result_check.hpp"
#include "bench/sink_summary.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

constexpr const char* kMissingTool = "a declared tool is missing:";

/// Question of a case to a tool that is run alone.
Request request_of(const Tool& tool, const Case& c) {
  return tool.reads_prompts() ? c.request(c.parameters())
                              : Request(Tokens{}, c.parameters()).set_seed(c.seed());
}

// Built-in experiment around one tool, for `lensbench tool`: everything that holds for experiments
// holds for it.
class SingleTool final : public Experiment {
 public:
  explicit SingleTool(const std::string& tool) : slot_(this, tool) {}

  void run(Case& c) override {
    Dataset result = slot_->run(request_of(*slot_, c));
    check_result(result, "tool '" + slot_.tool_name() + "' returned a malformed dataset");
    c.save(slot_.tool_name(), std::move(result));
  }

 private:
  Uses<Tool> slot_;
};

// Adds to `message` the tools from whose calls the exception came.
std::string with_tools(const std::string& message, const Experiment& experiment) {
  const auto& tools = experiment.failed_tools();
  if (tools.empty() || message.starts_with("tool '")) return message;
  const std::string subject = "tool '" + join(tools, "' or '") + "': ";
  // A message that begins with the name of the tool would name it twice.
  const std::string own = tools.front() + ": ";
  return subject + (message.starts_with(own) ? message.substr(own.size()) : message);
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
// The check runs code of a plug-in, whose exceptions may be of any type.
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

/// The kind of the error decides the exit code, so the message is thrown again with the same kind.
[[noreturn]] void throw_finish_error(const CaseFailure& failure) {
  const std::string message = "the experiment's summary over the cases failed: " + failure.message;
  if (failure.exit_code == 2) throw UsageError(message);
  if (failure.exit_code == 3) throw InputError(message);
  throw RunError(message);
}

}  // namespace

ResultSink::~ResultSink() = default;

/// An error in every case has the exit code of its cause; an error in some of them that of an
/// incomplete run.
int RunReport::exit_code() const {
  if (failures.empty()) return 0;
  return completed.empty() ? failures.front().exit_code : 5;
}

/// Creating a tool runs its constructor only; no model is needed.
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

/// All faults are collected, so that a user sees every missing tool in one try.
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
      // The hooks that the tool will probably ask for are read in the first forward of a case.
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

/// The wrapper is made here and not by a library, so its deleter is a plain delete.
BoundExperiment BoundExperiment::of_tool(const PluginHost& host, const std::string& tool,
                                         Context& context) {
  host.find(PluginEntryKind::tool, tool);  // throws if the tool is unknown
  ExperimentHandle single(new SingleTool(tool),
                          {[](void* object) { delete static_cast<Experiment*>(object); }});
  BoundExperiment bound(host, std::move(single), context);
  bound.is_single_tool_ = true;
  return bound;
}

/// Parameters of an experiment are its own; those of its tools are checked when it calls them.
void BoundExperiment::check_parameters(const Parameters& parameters, const Model& model) const {
  check_against_model(parameters, model);
  experiment_->check_parameters(parameters, model);
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

std::int64_t BoundExperiment::passes(const Parameters& parameters) const {
  const std::int64_t passes = experiment_->passes(parameters);
  if (passes < 1)
    throw UsageError("the experiment declares " + std::to_string(passes) +
                     " passes over the cases, expected at least 1; correct Experiment::passes");
  return passes;
}

namespace {

/// Adds the cost of one more case. A sum is known only if each of its summands is.
void add_case(ExpectedCost& total, const CostEstimate& one) {
  if (!one.flops && !one.bytes && !one.items) return;
  const bool first = total.cases++ == 0;
  const auto join = [&](auto& sum, const auto& value, auto&& combine) {
    if (first)
      sum = value;
    else
      sum = sum && value ? std::optional(combine(*sum, *value)) : std::nullopt;
  };
  CostEstimate& sum = total.sum;
  join(sum.flops, one.flops, [](double a, double b) { return a + b; });
  // Cases run one after the other.
  join(sum.bytes, one.bytes, [](double a, double b) { return std::max(a, b); });
  join(sum.items, one.items, [](std::int64_t a, std::int64_t b) { return a + b; });
}

}  // namespace

ExpectedCost BoundExperiment::expected_cost(const std::vector<CaseInput>& cases,
                                            const Parameters& parameters,
                                            Context& context) const {
  ExpectedCost total;
  if (!is_single_tool_) return total;
  for (std::int64_t index = 0; index < std::ssize(cases); ++index) {
    CostEstimate one;
    // A case that cannot be estimated fails when it runs, with the same reason.
    const auto failure = attempt(index, *experiment_, [&] {
      const Case c(index, cases[static_cast<std::size_t>(index)], context, parameters, 0, nullptr);
      one = tools_.front()->estimate(request_of(*tools_.front(), c));
    });
    if (failure) continue;
    add_case(total, one);
    // A tool that does not estimate its cost answers alike for every case.
    if (total.cases == 0) break;
  }
  return total;
}

/// One execution of the cases of an experiment. It owns what must end with the run: meter, services
/// and the observers of the tools.
class BoundExperiment::Run {
 public:
  Run(BoundExperiment& bound, const std::vector<CaseInput>& cases, const Parameters& parameters,
      Context& context, ResultSink& sink, const RunControl& control)
      : bound_(bound),
        cases_(cases),
        parameters_(parameters),
        context_(context),
        sink_(sink),
        control_(control),
        meter_(profile_of(context.model())),
        services_(context, sink, control, meter_),
        slots_(bound.experiment_->tool_slots(), services_),
        batches_(cases, context, control.batches && !control.only_finish) {}

  RunReport report() {
    // Every pass runs over all cases before the next one begins, so that it can read all earlier
    // results.
    const std::int64_t passes = bound_.passes(parameters_);
    for (std::int64_t pass = 0; pass < passes; ++pass)
      if (!run_pass_safely(pass)) {
        report_.interrupted = true;
        return std::move(report_);
      }
    finish();
    report_.peak_memory_bytes = meter_.peak_memory_bytes();
    return std::move(report_);
  }

 private:
  /// Runs a pass; however it ends, the cases that ended are safe and reported.
  bool run_pass_safely(std::int64_t pass) {
    try {
      const bool ended = run_pass(pass);
      sink_.make_safe();
      report_safe_cases();
      return ended;
    } catch (...) {
      try {
        sink_.make_safe();
        report_safe_cases();
      } catch (const Error&) {
        // The first error says what is wrong; cases that are not safe are not reported.
      }
      throw;
    }
  }

  void report_safe_cases() {
    for (const auto& [index, failed] : std::exchange(unsafe_, {}))
      if (control_.on_case) control_.on_case(index, failed);
  }

  /// Runs the cases of a pass that are not done. \return false if it was interrupted
  bool run_pass(std::int64_t pass) {
    // A case that failed in an earlier pass is not run again.
    const std::vector<std::int64_t> before = std::exchange(report_.completed, {});
    // Later passes read the results of earlier ones from the sink, not from memory.
    const EarlierResults earlier(sink_, before, cases_, parameters_, context_.seed());
    auto done = sink_.done(pass);
    std::sort(done.begin(), done.end());
    for (std::int64_t index = 0; index < std::ssize(cases_); ++index) {
      if (pass > 0 && !std::binary_search(before.begin(), before.end(), index)) continue;
      // A resumed run skips what is complete.
      if (std::binary_search(done.begin(), done.end(), index)) {
        report_.completed.push_back(index);
        continue;
      }
      if (control_.only_finish) continue;
      if (should_stop()) return false;
      if (!run_case(index, pass, pass == 0 ? nullptr : &earlier)) return false;
    }
    return true;
  }

  bool should_stop() const { return control_.should_stop && control_.should_stop(); }

  /// Runs a case and saves it. \return false if it was interrupted
  bool run_case(std::int64_t index, std::int64_t pass, const Summary* earlier) {
    meter_.begin_case();
    std::map<std::string, Dataset> saved;
    context_.begin_case();
    services_.begin_case(index, pass, batches_.of(index));
    // Everything that a plug-in throws becomes the failure of this case.
    auto failure = attempt(index, *bound_.experiment_, [&] {
      Case c(index, cases_[static_cast<std::size_t>(index)], context_, parameters_, pass, earlier);
      bound_.experiment_->run(c);
      saved = c.saved();
      for (auto& [name, dataset] : saved) {
        // Schema and views are those of the tools in use.
        bound_.check_schema(dataset);
        add_views(dataset, bound_.schemas_);
      }
    });
    services_.end_case();
    const CaseCosts costs = meter_.end_case();
    // A tool that gives up because the run is to stop has not failed.
    if (failure && should_stop()) return false;
    if (!failure) failure = commit(index, pass, saved, costs);
    // The failure is committed like a result, so that a resumed run does not repeat it.
    if (failure) {
      sink_.commit_failure(index, pass, failure->message, costs);
      report_.failures.push_back(*failure);
    } else {
      report_.completed.push_back(index);
    }
    // A case is reported when it survives a power cut, not when it ends.
    unsafe_.emplace_back(index, failure.has_value());
    if (sink_.is_safe()) report_safe_cases();
    return true;
  }

  /// Saves one case. A dataset that an archive cannot hold is a failure of this case. An archive
  /// that cannot be written ends the run, with every earlier case safe.
  std::optional<CaseFailure> commit(std::int64_t index, std::int64_t pass,
                                    const std::map<std::string, Dataset>& saved,
                                    const CaseCosts& costs) {
    try {
      sink_.commit(index, pass, saved, costs);
      return std::nullopt;
    } catch (const UsageError& error) {
      return CaseFailure{index, error.what(), error.exit_code()};
    }
  }

  // Without any completed case there is nothing to sum up.
  void finish() {
    if (report_.completed.empty()) return;
    // `finish` may call tools too; it begins with an empty cache.
    context_.begin_case();
    FinalSummary summary(sink_, report_.completed, cases_, parameters_, context_.seed(),
                         report_.summaries);
    const auto failure =
        attempt(-1, *bound_.experiment_, [&] { bound_.experiment_->finish(summary); });
    // The cases are safe, but without their summary the run is incomplete.
    if (failure) throw_finish_error(*failure);
    for (auto& [name, dataset] : report_.summaries) add_views(dataset, bound_.schemas_);
  }

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
  CaseBatches batches_;
};

/// All cases of the run are the default reference prompts.
RunReport BoundExperiment::run(const std::vector<CaseInput>& cases, const Parameters& parameters,
                               Context& context, ResultSink& sink, const RunControl& control) {
  set_reference_cases(context, cases);
  return Run(*this, cases, parameters, context, sink, control).report();
}

}  // namespace lensbench
