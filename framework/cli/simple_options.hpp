#pragma once

#include <map>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Options of the small commands: `--name VALUE`, flags, and what stands free.
class SimpleOptions {
 public:
  enum Count { one, many };

  /// `help` is always a flag.
  /// \throws UsageError for an unknown option, a missing value, or a second value where one may be
  SimpleOptions(const std::string& command, const std::vector<std::string>& arguments,
                const std::vector<std::pair<std::string, Count>>& valued,
                const std::vector<std::string>& flags);

  bool flag(const std::string& name) const { return flags_.at(name); }
  bool given(const std::string& name) const { return !values_.at(name).empty(); }
  /// Empty if not given.
  std::string text(const std::string& name) const;
  const std::vector<std::string>& list(const std::string& name) const { return values_.at(name); }
  const std::vector<std::string>& positional() const { return positional_; }
  /// \throws UsageError unless exactly one stands free; `expected` says what it should be
  const std::string& only_positional(const std::string& expected) const;

 private:
  std::string command_;
  std::map<std::string, bool> flags_;
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
};

}  // namespace lensbench::cli
