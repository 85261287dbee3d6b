#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/uses.hpp>
#include <string>
#include <vector>

#include "bench/tool_meter.hpp"

namespace lensbench {

/// What the bench does with the tools that an experiment declares.
struct SlotAccess {
  /// Tools declared as members, in the order of declaration.
  static const std::vector<ToolSlot*>& slots(const Experiment& experiment) {
    return experiment.slots_;
  }
  /// Names of the tools that the most recent expression with tools called, if an exception ended
  /// it; empty if it ended normally.
  static const std::vector<std::string>& failed_tools(const Experiment& experiment) {
    return experiment.failed_tools_;
  }

  /// Registered name of the tool.
  static const std::string& tool_name(const ToolSlot& slot) { return slot.tool_name_; }
  /// Binds a slot to a tool. \return false if the tool does not implement the slot's interface
  static bool bind(ToolSlot& slot, Tool& tool) { return slot.bind(tool); }
  /// Tool that a slot is bound to; nullptr before `bind`.
  static const Tool* bound_tool(const ToolSlot& slot) { return slot.bound_tool(); }
  /// Version of the typed interface that the experiment was built with; nullptr for `Tool` itself.
  static const char* interface_version(const ToolSlot& slot) { return slot.interface_version(); }
  /// Sets the observer of the calls; nullptr removes it.
  static void set_meter(ToolSlot& slot, ToolMeter* meter) { slot.meter_ = meter; }
};

}  // namespace lensbench
