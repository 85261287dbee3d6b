#include "bench/runner.hpp"

#include <optional>
#include <utility>

#include "bench/access/context_access.hpp"
#include "bench/access/slot_access.hpp"
#include "bench/case_input.hpp"
#include "bench/parameter_check.hpp"
#include "bench/plugin_call.hpp"
#include "bench/results/result_check.hpp"
#include "bench/run/case_loop.hpp"
#include "bench/run/single_tool.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

constexpr const char* kMissingTool = "a declared tool is missing:";

// Whether the tool was built with the typed interface that the experiment was built with. A slot of
// type `Tool` uses none.
bool has_interface(const PluginInfo& tool, const ToolSlot& slot) {
  const char* version = SlotAccess::interface_version(slot);
  return version == nullptr || tool.interface_version == version;
}

std::string other_interface(const PluginInfo& tool) {
  return "tool '" + tool.name + "' of '" + tool.path.string() +
         "' does not implement the interface this experiment was built for; rebuild both against "
         "the "
         "same lensbench";
}

// Creates a tool and binds the slot to it; empty if the tool has another interface than the
// experiment was built with.
std::optional<ToolHandle> bound_tool(const PluginHost& host, const PluginInfo& info, ToolSlot& slot,
                                     Context& context) {
  const std::string& name = SlotAccess::tool_name(slot);
  auto tool = create_tool(host, name);
  tool->attach(context, info.parameters, "tool '" + name + "'");
  if (!SlotAccess::bind(slot, *tool) || !has_interface(info, slot)) return std::nullopt;
  call_plugin("tool '" + name + "': its check of the model",
              [&] { tool->check_compatible(context.model()); });
  // The hooks that the tool will probably ask for are read in the first forward of a case.
  ContextAccess::expect(context, call_plugin("tool '" + name + "': its list of hook points", [&] {
                          return tool->usual_hooks(context.model().spec());
                        }));
  return tool;
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
  for (const auto* slot : SlotAccess::slots(experiment)) {
    try {
      create_tool(host, SlotAccess::tool_name(*slot));
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
  for (auto* slot : SlotAccess::slots(*experiment_)) {
    const auto& name = SlotAccess::tool_name(*slot);
    try {
      const PluginInfo& info = host.find(PluginEntryKind::tool, name);
      auto tool = bound_tool(host, info, *slot, context);
      if (!tool) {
        problems += "\n  " + other_interface(info);
        continue;
      }
      tools_.push_back(std::move(*tool));
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

/// An experiment calls the checks of its tools, so an exception may come from any of them.
std::string BoundExperiment::owner() const {
  return single_tool_ != nullptr ? "tool '" + tool_names_.front() + "': its " : "the experiment's ";
}

/// Parameters of an experiment are its own; those of its tools are checked when it calls them.
void BoundExperiment::check_parameters(const Parameters& parameters, const Model& model) const {
  check_against_model(parameters, model);
  call_plugin(owner() + "check of the parameters",
              [&] { experiment_->check_parameters(parameters, model); });
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
  const std::int64_t passes =
      call_plugin(owner() + "number of passes", [&] { return experiment_->passes(parameters); });
  if (passes < 1)
    throw UsageError("the experiment declares " + std::to_string(passes) +
                     " passes over the cases, expected at least 1; correct Experiment::passes");
  return passes;
}

/// All cases of the run are the default reference prompts.
RunReport BoundExperiment::run(const std::vector<CaseInput>& cases, const Parameters& parameters,
                               Context& context, ResultSink& sink, const RunControl& control) {
  set_reference_cases(context, cases);
  return Run(*this, cases, parameters, context, sink, control).report();
}

}  // namespace lensbench
