#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <string>

#include "plugin/plugin_host.hpp"

namespace lensbench {

/// Deleter that returns an object to the library that made it.
template <class Base>
struct EntryDeleter {
  void (*destroy)(void*);
  void operator()(Base* object) const { destroy(object); }
};
using ToolHandle = std::unique_ptr<Tool, EntryDeleter<Tool>>;
using ExperimentHandle = std::unique_ptr<Experiment, EntryDeleter<Experiment>>;

/// Makes a tool of a plug-in. \throws PluginError if the tool is unknown or its factory fails
ToolHandle create_tool(const PluginHost& host, const std::string& name);

/// Makes an experiment of a plug-in. \throws PluginError if it is unknown or its factory fails
ExperimentHandle create_experiment(const PluginHost& host, const std::string& name);

}  // namespace lensbench
