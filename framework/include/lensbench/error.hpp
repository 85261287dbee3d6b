#pragma once

#include <lensbench/export.hpp>
#include <stdexcept>
#include <string>

namespace lensbench {

/// Base of every error lensbench throws on purpose. The message is one sentence a user can act on:
/// what (file, tensor, field, option), what was found, what was expected, what to do.
class LENSBENCH_API Error : public std::runtime_error {
 public:
  /// Process exit code of the command when this error ends it (2 to 5, see the subclasses).
  int exit_code() const noexcept { return exit_code_; }
  ~Error() override;

 protected:
  /// For the subclasses.
  Error(int exit_code, const std::string& message)
      : std::runtime_error(message), exit_code_(exit_code) {}

 private:
  int exit_code_;
};

/// The request itself is wrong: unknown option, parameter or hook name, value out of range. Exit 2.
class LENSBENCH_API UsageError : public Error {
 public:
  /// \param message  one sentence, as above
  explicit UsageError(const std::string& message) : Error(2, message) {}
  ~UsageError() override;
};

/// A file or directory given as input is missing, unreadable or breaks its format. Exit 3.
class LENSBENCH_API InputError : public Error {
 public:
  /// \param message  one sentence, as above
  explicit InputError(const std::string& message) : Error(3, message) {}
  ~InputError() override;
};

/// Why a plug-in was refused; tests and callers check this, not the text.
enum class PluginFault {
  not_found,        ///< no such file, or a declared tool that no library provides
  not_loadable,     ///< not a shared library, truncated, unresolved symbols, wrong architecture
  no_descriptor,    ///< the symbol `lensbench_plugin_descriptor` is missing
  wrong_format,     ///< magic or format version unknown
  wrong_api,        ///< built for another plug-in API version
  wrong_abi,        ///< built with another compiler ABI, libtorch or C++ library mode
  malformed,        ///< an entry without name, version, factory, or with a duplicate parameter
  duplicate_name,   ///< two libraries provide the same tool or experiment
  wrong_interface,  ///< the tool does not implement the typed interface that was asked for
  factory_failed,   ///< the factory threw
  insecure,         ///< others can write the file or a folder above it, or own it
  crashed,          ///< loading it ended the process that tried it, or took too long
  not_pinned,       ///< not the binary that a lock or a pin names, or in no lock
};

/// A plug-in could not be loaded, or a declared tool is missing. Exit 4.
class LENSBENCH_API PluginError : public Error {
 public:
  /// \param fault    why, for callers
  /// \param message  one sentence, as above
  PluginError(PluginFault fault, const std::string& message) : Error(4, message), fault_(fault) {}
  ~PluginError() override;
  PluginFault fault() const noexcept { return fault_; }  ///< why

 private:
  PluginFault fault_;
};

/// The run itself failed: out of disk, a tool that threw, a broken invariant. Exit 5.
class LENSBENCH_API RunError : public Error {
 public:
  /// \param message  one sentence, as above
  explicit RunError(const std::string& message) : Error(5, message) {}
  ~RunError() override;
};

}  // namespace lensbench
