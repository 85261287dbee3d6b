#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/plugin_descriptor.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/descriptor_reader.hpp"
#include "plugin/permissions.hpp"
#include "plugin/plugin_lock.hpp"

namespace lensbench {

/// Rules about which libraries may be loaded.
struct PluginPolicy {
  /// Whether libraries may be loaded from files and folders that others can write.
  bool allow_insecure = false;
  /// If set, only binaries in this lock are loaded.
  std::optional<PluginLock> lock = {};
  /// Tool or experiment -> SHA-256 or absolute path of the library that provides it.
  std::map<std::string, std::string> pins = {};
  /// Time limit for loading a library.
  std::chrono::milliseconds load_limit{10'000};
};

/// An available tool or experiment.
struct PluginInfo : EntryInfo {
  std::string plugin;                ///< name of the library's description
  std::filesystem::path path;        ///< path of the library, without symbolic links
  std::string source;                ///< source text of the entry; may be empty
  std::string sha256;                ///< SHA-256 of the library, checked again when it is loaded
  std::array<std::uint32_t, 2> api;  ///< version of the API that the library was built for
  std::size_t index;                 ///< index of the entry in its library
};

/// A refused library with the reason.
struct PluginRefusal {
  std::filesystem::path path;
  PluginFault fault;
  std::string message;
};

/// A `Tool` or an `Experiment` with the function of its library that destroys it.
using PluginObject = std::unique_ptr<void, void (*)(void*)>;

/// Finds plug-ins and creates their tools and experiments. The bench owns it; a process may have
/// several.
///
/// The entries of a library are read from its bytes, without running its code. The library is
/// loaded when the first object of it is created: from a sealed copy with the SHA-256 that was
/// listed, and after a child process loaded it without failure. Libraries are never unloaded,
/// because a tensor or an exception of a library may outlive its tools.
class PluginHost {
 public:
  explicit PluginHost(PluginPolicy policy = {});
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Registers one library by its absolute path; further calls for the path have no effect. All
  /// entries are checked before the first is registered.
  /// \throws PluginError with the file, what was found and what was expected
  void add(const std::filesystem::path& library);

  /// Registers a library with `add` and loads it immediately.
  void load(const std::filesystem::path& library);

  /// Registers all files `*.so` of a directory in order of name. A refused library is added to
  /// `refusals`; the others are still registered.
  /// \throws PluginError if the directory does not exist or others can write it
  void load_directory(const std::filesystem::path& directory);

  /// Tests all libraries by loading them in child processes; those that fail are moved to
  /// `refusals`.
  void try_all();

  const std::vector<PluginInfo>& entries() const { return entries_; }
  const std::vector<PluginRefusal>& refusals() const { return refusals_; }
  const std::vector<std::filesystem::path>& searched() const { return searched_; }

  /// Messages about names that several libraries provide without a pin, and about binaries of the
  /// lock that are missing.
  std::vector<std::string> complaints() const;

  /// Entry of a name. If several libraries provide it, a pin must select one of them.
  /// \throws PluginError with the searched folders, the known names and the refused libraries
  const PluginInfo& find(PluginEntryKind kind, const std::string& name) const;

  /// Creates an object with the factory of an entry. \return never null
  /// \throws PluginError if the entry is missing or its factory fails
  PluginObject create(PluginEntryKind kind, const std::string& name) const;

  /// Values for the parameters of an entry.
  /// \throws UsageError under the conditions of `Parameters::resolve`
  Parameters resolve(const PluginInfo& entry, const Settings& given) const;

  /// Lock of all registered libraries.
  PluginLock lock() const;

 private:
  PathTrust trust_of(const std::filesystem::path& library) const;
  const PluginFactory& open(const PluginInfo& info) const;
  std::vector<const PluginInfo*> candidates(PluginEntryKind kind, const std::string& name) const;
  [[noreturn]] void not_found(PluginEntryKind kind, const std::string& name) const;

  PluginPolicy policy_;
  std::vector<PluginInfo> entries_;
  std::vector<PluginRefusal> refusals_;
  std::vector<std::filesystem::path> searched_;
  std::set<std::string> tried_;  ///< SHA-256 of the libraries that passed `try_all`
};

/// Folders in which plug-ins are searched: `given`, then LENSBENCH_PLUGIN_PATH (colon-separated),
/// then the folder of the installed plug-ins, but never the current directory.
/// \throws UsageError for an empty element, the current directory, or a relative path in
///   LENSBENCH_PLUGIN_PATH
std::vector<std::filesystem::path> plugin_directories(const std::vector<std::string>& given);

/// File in this process that contains this code: liblensbench.so, or a program with its objects.
std::filesystem::path own_library();

/// Folder of the plug-ins that were installed with `own_library`.
std::filesystem::path installed_plugins();

}  // namespace lensbench
