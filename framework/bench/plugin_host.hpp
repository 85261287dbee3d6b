#pragma once

#include <filesystem>
#include <functional>
#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

/// A parameter as a library declared it, copied out of the library.
struct ParameterInfo {
  std::string name;
  ParameterType type;
  std::string default_value, units, help;
  bool required = false;  ///< has no default and must be set
};

/// One tool or experiment that is loaded.
struct PluginInfo {
  PluginEntryKind kind;
  std::string name, version, summary;
  std::vector<ParameterInfo> parameters;
  std::string plugin;          ///< name of the library's descriptor
  std::filesystem::path path;  ///< of the library
  std::string source;          ///< text it was built from; may be empty
  const PluginEntry* native;   ///< in the library, which is never unloaded
};

/// A library that was refused, and why.
struct PluginRefusal {
  std::filesystem::path path;
  PluginFault fault;
  std::string message;
};

/// Gives an object back to the library that made it.
template <class Base>
struct EntryDeleter {
  void (*destroy)(void*);
  void operator()(Base* object) const { destroy(object); }
};
using ToolHandle = std::unique_ptr<Tool, EntryDeleter<Tool>>;
using ExperimentHandle = std::unique_ptr<Experiment, EntryDeleter<Experiment>>;

/// Loads plug-ins and makes what they offer. Owned by the bench; a process may have several.
///
/// Libraries are never unloaded: a tensor or an exception from one may outlive every tool.
class LENSBENCH_API PluginHost {
 public:
  PluginHost();
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Loads one library, once however often it is named. All or nothing: every entry is checked
  /// before any is registered. \throws PluginError naming the file, what was found, what was
  /// expected
  void load(const std::filesystem::path& library);

  /// Loads every `*.so` of a directory in name order. A library that is refused is kept in
  /// `refusals` and does not stop the others.
  /// \throws PluginError if the directory does not exist
  void load_directory(const std::filesystem::path& directory);

  const std::vector<PluginInfo>& entries() const { return entries_; }
  const std::vector<PluginRefusal>& refusals() const { return refusals_; }
  const std::vector<std::filesystem::path>& searched() const { return searched_; }

  /// \throws PluginError naming where was searched, what is there, and what was refused
  const PluginInfo& find(PluginEntryKind kind, const std::string& name) const;

  /// \throws PluginError if there is none or its factory fails
  ToolHandle create_tool(const std::string& name) const;
  ExperimentHandle create_experiment(const std::string& name) const;

  /// Values for an entry's parameters. \throws UsageError as `Parameters::resolve`
  Parameters resolve(const PluginInfo& entry,
                     const std::map<std::string, std::string>& given) const;

 private:
  template <class Base>
  std::unique_ptr<Base, EntryDeleter<Base>> create(PluginEntryKind kind,
                                                   const std::string& name) const;

  std::vector<PluginInfo> entries_;
  std::vector<PluginRefusal> refusals_;
  std::vector<std::filesystem::path> searched_;
};

/// Where plug-ins are looked for: `given` first, then LENSBENCH_PLUGIN_PATH (colon-separated), then
/// the folder installed beside this library. Never the current directory.
/// \throws UsageError for an empty or relative element of LENSBENCH_PLUGIN_PATH
LENSBENCH_API std::vector<std::filesystem::path> plugin_directories(
    const std::vector<std::string>& given);

}  // namespace lensbench
