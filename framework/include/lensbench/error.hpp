#pragma once

#include <lensbench/export.hpp>
#include <stdexcept>
#include <string>

namespace lensbench {

/// Base of every error that lensbench throws on purpose. The message tells the user what to do:
/// *subject (file, tensor, field, option): what is wrong (found, expected); what to do*.
class LENSBENCH_API Error : public std::runtime_error {
 public:
  /// Exit code of the command that this error ends (2 to 5, see the subclasses).
  int exit_code() const noexcept { return exit_code_; }
  ~Error() override;

 protected:
  /// Constructor for the subclasses.
  Error(int exit_code, const std::string& message)
      : std::runtime_error(message), exit_code_(exit_code) {}

 private:
  int exit_code_;
};

/// The request is wrong: unknown option, parameter or hook name, value out of range. Exit code 2.
class LENSBENCH_API UsageError : public Error {
 public:
  /// \param message  in the form that `Error` describes
  explicit UsageError(const std::string& message) : Error(2, message) {}
  ~UsageError() override;
};

/// An input file or directory is missing, unreadable or malformed. Exit code 3.
class LENSBENCH_API InputError : public Error {
 public:
  /// \param message  in the form that `Error` describes
  explicit InputError(const std::string& message) : Error(3, message) {}
  ~InputError() override;
};

/// Reason why a plug-in was refused; callers check this instead of the text of the message.
enum class PluginFault {
  not_found,        ///< the file does not exist, or a declared tool is in none of the libraries
  not_loadable,     ///< not a shared library, truncated, unresolved symbols, wrong architecture
  no_descriptor,    ///< the section `lensbench_plugin` is missing
  wrong_format,     ///< unknown magic number or format version
  wrong_api,        ///< built for another plug-in API version
  wrong_abi,        ///< built with another compiler ABI, libtorch or C++ library mode
  malformed,        ///< an entry without name, version or factory, or with a duplicate parameter
  duplicate_name,   ///< two libraries provide the same tool or experiment
  wrong_interface,  ///< the tool does not implement the requested typed interface
  factory_failed,   ///< the factory threw
  insecure,         ///< other users own or can write the file or a folder above it
  crashed,          ///< a trial load ended its process or took too long
  not_pinned,       ///< the binary differs from the locked or pinned one, or is not locked
};

/// A plug-in could not be loaded, or a declared tool is missing. Exit code 4.
class LENSBENCH_API PluginError : public Error {
 public:
  /// \param fault    reason, for callers
  /// \param message  in the form that `Error` describes
  PluginError(PluginFault fault, const std::string& message) : Error(4, message), fault_(fault) {}
  ~PluginError() override;
  PluginFault fault() const noexcept { return fault_; }  ///< reason

 private:
  PluginFault fault_;
};

/// A run failed: full disk, exception in a tool, violated invariant. Exit code 5.
class LENSBENCH_API RunError : public Error {
 public:
  /// \param message  in the form that `Error` describes
  explicit RunError(const std::string& message) : Error(5, message) {}
  ~RunError() override;
};

}  // namespace lensbench
