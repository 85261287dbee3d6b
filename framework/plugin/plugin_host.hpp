#pragma once

#include <chrono>
#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/export.hpp>
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

/// Which libraries may be loaded.
struct PluginPolicy {
  /// Also from places that others can write.
  bool allow_insecure = false;
  /// If given, only the binaries it lists.
  std::optional<PluginLock> lock = {};
  /// Tool or experiment -> the SHA-256 or the absolute path of the library to take it from.
  std::map<std::string, std::string> pins = {};
  /// The longest a library may take to load.
  std::chrono::milliseconds load_limit{10'000};
};

/// One tool or experiment that can be had.
struct PluginInfo : EntryInfo {
  std::string plugin;          ///< name of the library's descriptor
  std::filesystem::path path;  ///< of the library, without symbolic links
  std::string source;          ///< text it was built from; may be empty
  std::string sha256;          ///< of the library's bytes: those looked at, and those loaded
};

/// A library that was refused, and why.
struct PluginRefusal {
  std::filesystem::path path;
  PluginFault fault;
  std::string message;
};

/// A `Tool` or an `Experiment` with the function of its library that destroys it.
using PluginObject = std::unique_ptr<void, void (*)(void*)>;

/// Finds plug-ins and makes what they offer. Owned by the bench; a process may have several.
///
/// What a library offers is read from its bytes, without running any of its code. It is loaded when
/// something of it is first made: from a sealed copy whose SHA-256 is the one it was listed with,
/// and after a child process has loaded it and lived. Libraries are never unloaded: a tensor or an
/// exception from one may outlive every tool.
class LENSBENCH_API PluginHost {
 public:
  explicit PluginHost(PluginPolicy policy = {});
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Registers one library by its absolute path, once however often it is named. All or nothing:
  /// every entry is checked before any is registered.
  /// \throws PluginError naming the file, what was found, what was expected
  void add(const std::filesystem::path& library);

  /// `add`, and loads it at once.
  void load(const std::filesystem::path& library);

  /// Registers every `*.so` of a directory in name order. A library that is refused is kept in
  /// `refusals` and does not stop the others.
  /// \throws PluginError if the directory does not exist or others can write it
  void load_directory(const std::filesystem::path& directory);

  /// Tries to load every library, in child processes; those that fail join `refusals`.
  void try_all();

  const std::vector<PluginInfo>& entries() const { return entries_; }
  const std::vector<PluginRefusal>& refusals() const { return refusals_; }
  const std::vector<std::filesystem::path>& searched() const { return searched_; }

  /// A sentence for each name that several libraries offer and no pin decides, and for each binary
  /// of the lock that is not there.
  std::vector<std::string> complaints() const;

  /// The one entry of that name. Where several libraries offer it, none wins: a pin must say which.
  /// \throws PluginError naming where was searched, what is there, and what was refused
  const PluginInfo& find(PluginEntryKind kind, const std::string& name) const;

  /// Calls the factory of an entry. \return never null
  /// \throws PluginError if there is none or its factory fails
  PluginObject create(PluginEntryKind kind, const std::string& name) const;

  /// Values for an entry's parameters. \throws UsageError as `Parameters::resolve`
  Parameters resolve(const PluginInfo& entry,
                     const std::map<std::string, std::string>& given) const;

  /// What is registered, as a lock.
  PluginLock lock() const;

 private:
  PlaceTrust trust_of(const std::filesystem::path& library) const;
  const PluginEntry& open(const PluginInfo& info) const;
  std::vector<const PluginInfo*> candidates(PluginEntryKind kind, const std::string& name) const;
  [[noreturn]] void not_found(PluginEntryKind kind, const std::string& name) const;

  PluginPolicy policy_;
  std::vector<PluginInfo> entries_;
  std::vector<PluginRefusal> refusals_;
  std::vector<std::filesystem::path> searched_;
  std::set<std::string> tried_;  ///< SHA-256 of those that `try_all` found good
};

/// Where plug-ins are looked for: `given` first, then LENSBENCH_PLUGIN_PATH (colon-separated), then
/// the folder installed beside this library. Never the current directory.
/// \throws UsageError for an empty element or one that is the current directory, and for a relative
///   one of LENSBENCH_PLUGIN_PATH
LENSBENCH_API std::vector<std::filesystem::path> plugin_directories(
    const std::vector<std::string>& given);

/// The file this library was loaded from; its folder holds `lensbench/plugins`.
std::filesystem::path own_library();

}  // namespace lensbench
