#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/parse/config_file.hpp"
#include "cli/table/command.hpp"

namespace lensbench::cli {

/// What was given to a command: on its command line and, where it has `--config`, in that file.
class Options {
 public:
  /// Reads the arguments by the command's table. With `--help` nothing else need be there.
  /// \throws UsageError for what the table does not know or allow, naming what is near;
  ///   InputError for a config file that cannot be read
  Options(const Command& command, const Arguments& arguments);

  const Command& command() const { return command_; }
  const Arguments& arguments() const { return arguments_; }

  bool flag(const std::string& name) const { return flags_.at(name); }
  /// Not by its initial value.
  bool given(const std::string& name) const { return !values_.at(name).empty(); }
  /// The initial value, or nothing, if it is not given.
  const std::string& text(const std::string& name) const;
  std::uint64_t count(const std::string& name) const;
  const std::vector<std::string>& list(const std::string& name) const { return values_.at(name); }

  /// \param place  from 0. Empty if it is not there, which only `--help` allows.
  const std::string& operand(std::size_t place) const;

  const std::optional<ConfigFile>& config() const { return config_; }

 private:
  void parse();
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
