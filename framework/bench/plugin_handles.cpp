#include "bench/plugin_handles.hpp"

namespace lensbench {
namespace {

/// The deleter is that of the library which made the object: memory must be given back where it was
/// taken.
template <class Base>
std::unique_ptr<Base, EntryDeleter<Base>> create(const PluginHost& host, PluginEntryKind kind,
                                                 const std::string& name) {
  PluginObject object = host.create(kind, name);
  const EntryDeleter<Base> deleter{object.get_deleter()};
  return {static_cast<Base*>(object.release()), deleter};
}

}  // namespace

ToolHandle create_tool(const PluginHost& host, const std::string& name) {
  return create<Tool>(host, PluginEntryKind::tool, name);
}

ExperimentHandle create_experiment(const PluginHost& host, const std::string& name) {
  return create<Experiment>(host, PluginEntryKind::experiment, name);
}

}  // namespace lensbench
