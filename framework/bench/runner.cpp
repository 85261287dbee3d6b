#include "bench/runner.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "bench/case_input.hpp"
#include "bench/case_services.hpp"
#include "bench/cost_meter.hpp"
#include "bench/parameter_check.hpp"
#include "bench/result_check.hpp"
#include "bench/run/attempt.hpp"
#include "bench/run/single_tool.hpp"
#include "bench/sink_summary.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

constexpr const char* kMissingTool = "a declared tool is missing:";

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
  auto* const single = new SingleTool(tool);
  ExperimentHandle owner(single, {[](void* object) { delete static_cast<Experiment*>(object); }});
  BoundExperiment bound(host, std::move(owner), context);
  bound.single_tool_ = single;
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
  if (single_tool_ == nullptr || schemas_.front().empty()) return;
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
        groups_(batches_of(cases, context, control.batches && !control.only_finish)) {}

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
    bool ended = true;
    for (const std::vector<std::int64_t>& group : groups_) {
      std::vector<std::int64_t> waiting;
      for (const std::int64_t index : group) {
        if (pass > 0 && !std::binary_search(before.begin(), before.end(), index)) continue;
        // A resumed run skips what is complete.
        if (std::binary_search(done.begin(), done.end(), index))
          report_.completed.push_back(index);
        else if (!control_.only_finish)
          waiting.push_back(index);
      }
      ended = run_group(waiting, pass, pass == 0 ? nullptr : &earlier);
      if (!ended) break;
    }
    // The groups are not in the order of the cases.
    std::sort(report_.completed.begin(), report_.completed.end());
    std::stable_sort(report_.failures.begin(), report_.failures.end(),
                     [](const CaseFailure& a, const CaseFailure& b) { return a.index < b.index; });
    return ended;
  }

  /// Runs cases of equal length. \return false if it was interrupted
  bool run_group(const std::vector<std::int64_t>& group, std::int64_t pass,
                 const Summary* earlier) {
    std::optional<CaseBatch> batch;
    if (group.size() > 1) {
      batch.emplace().number = ++batches_;
      for (const std::int64_t index : group)
        batch->sequences.push_back(tokens_of(cases_[static_cast<std::size_t>(index)], context_));
    }
    const CaseBatch* const together = batch ? &*batch : nullptr;
    if (together != nullptr && takes_batches()) {
      if (should_stop()) return false;
      if (run_together(group, pass, together)) return true;
    }
    for (const std::int64_t index : group)
      if (should_stop() || !run_case(index, pass, earlier, together)) return false;
    return true;
  }

  template <class Work>
  std::optional<CaseFailure> attempt(std::int64_t index, Work&& work) {
    return lensbench::attempt(index, *bound_.experiment_, std::forward<Work>(work),
                              [this] { return services_.has_called(); });
  }

  bool should_stop() const { return control_.should_stop && control_.should_stop(); }

  bool takes_batches() const {
    return bound_.single_tool_ != nullptr && bound_.single_tool_->takes_batches();
  }

  /// Lets a tool that takes batches answer cases of equal length with one call.
  /// \return false if the cases have to run one by one
  bool run_together(const std::vector<std::int64_t>& group, std::int64_t pass,
                    const CaseBatch* batch) {
    SingleTool* const tool = bound_.single_tool_;
    meter_.begin_case();
    context_.begin_case();
    services_.begin_case(group.front(), pass, batch);
    std::deque<Case> cases;
    std::vector<Dataset> results;
    const auto failure = attempt(group.front(), [&] {
      for (const std::int64_t index : group)
        cases.emplace_back(index, cases_[static_cast<std::size_t>(index)], context_, parameters_,
                           pass, nullptr);
      results = tool->run_batch(cases);
    });
    services_.end_case();
    const CaseCosts costs = meter_.end_case();
    // One by one, the case that is wrong fails alone.
    if (failure || results.size() != group.size()) return false;
    for (std::size_t i = 0; i < group.size(); ++i) {
      auto failed = attempt(group[i], [&] { tool->save(cases[i], std::move(results[i])); });
      save(&cases[i], group[i], pass, share_of(costs, group.size(), i == 0), std::move(failed));
    }
    return true;
  }

  /// Runs a case and saves it. \return false if it was interrupted
  bool run_case(std::int64_t index, std::int64_t pass, const Summary* earlier,
                const CaseBatch* batch) {
    meter_.begin_case();
    std::optional<Case> c;
    context_.begin_case();
    services_.begin_case(index, pass, batch);
    // Everything that a plug-in throws becomes the failure of this case.
    auto failure = attempt(index, [&] {
      c.emplace(index, cases_[static_cast<std::size_t>(index)], context_, parameters_, pass,
                earlier);
      bound_.experiment_->run(*c);
    });
    services_.end_case();
    const CaseCosts costs = meter_.end_case();
    // A tool that gives up because the run is to stop has not failed.
    if (failure && should_stop()) return false;
    save(c ? &*c : nullptr, index, pass, costs, std::move(failure));
    return true;
  }

  /// Saves what a case gave, or its failure.
  void save(const Case* c, std::int64_t index, std::int64_t pass, const CaseCosts& costs,
            std::optional<CaseFailure> failure) {
    std::map<std::string, Dataset> saved;
    if (!failure)
      failure = attempt(index, [&] {
        saved = c->saved();
        for (auto& [name, dataset] : saved) {
          // Schema and views are those of the tools in use.
          bound_.check_schema(dataset);
          add_views(dataset, bound_.schemas_);
        }
      });
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
  }

  /// Costs of one of several cases that ran together: the same part of the time for each. The
  /// profile, which is summed over the cases, belongs to the first one.
  static CaseCosts share_of(const CaseCosts& costs, std::size_t cases, bool first) {
    CaseCosts share = costs;
    share.whole.seconds /= static_cast<double>(cases);
    for (auto& [name, cost] : share.tools) cost.seconds /= static_cast<double>(cases);
    if (!first) share.profile.clear();
    return share;
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
    services_.forget_calls();
    const auto failure = attempt(-1, [&] { bound_.experiment_->finish(summary); });
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
  std::vector<std::vector<std::int64_t>> groups_;  ///< cases whose forwards run together
  std::int64_t batches_ = 0;                       ///< number of batches so far
};

/// All cases of the run are the default reference prompts.
RunReport BoundExperiment::run(const std::vector<CaseInput>& cases, const Parameters& parameters,
                               Context& context, ResultSink& sink, const RunControl& control) {
  set_reference_cases(context, cases);
  return Run(*this, cases, parameters, context, sink, control).report();
}

}  // namespace lensbench
