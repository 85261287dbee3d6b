#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/parse/config_file.hpp"
#include "cli/table/command.hpp"

namespace lensbench::cli {

/// Options and operands of a command, from its command line and from the file of `--config`.
class Options {
 public:
  /// Parses arguments by the command's table. With `--help` required ones may be missing.
  /// \throws UsageError for arguments that the table does not allow, with the nearest names;
  ///   InputError for a config file that cannot be read
  Options(const Command& command, const Arguments& arguments);

  const Command& command() const { return command_; }
  const Arguments& arguments() const { return arguments_; }

  /// Whether the command has an option of that name.
  bool knows(const std::string& name) const {
    return flags_.contains(name) || initial_.contains(name);
  }
  bool flag(const std::string& name) const { return flags_.at(name); }
  /// True if the option was given, not only by its initial value.
  bool given(const std::string& name) const { return !values_.at(name).empty(); }
  /// Value of an option; if it was not given, its initial value or an empty text.
  const std::string& text(const std::string& name) const;
  std::uint64_t count(const std::string& name) const;
  const std::vector<std::string>& list(const std::string& name) const { return values_.at(name); }

  /// An operand; empty if missing, which only `--help` allows. \param position  from 0
  const std::string& operand(std::size_t position) const;
  /// All operands that were given.
  const std::vector<std::string>& operands() const { return operands_; }

  const std::optional<ConfigFile>& config() const { return config_; }

 private:
  void parse();
  void check_settings() const;
  void add_config(const std::string& path);
  void check() const;
  [[noreturn]] void fail(const std::string& problem) const;

  const Command& command_;
  Arguments arguments_;
  std::map<std::string, bool> flags_;
  std::map<std::string, std::vector<std::string>> values_;
  std::map<std::string, std::string> initial_;
  std::vector<std::string> operands_;
  std::optional<ConfigFile> config_;
};

}  // namespace lensbench::cli
