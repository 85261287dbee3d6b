#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lensbench::cli {

/// An INI file of options.
struct ConfigFile {
  struct Entry {
    std::string key;  ///< of section [set]: `set.KEY`
    std::string value;
    std::size_t line;  ///< from 1
  };
  std::string path, text;
  std::vector<Entry> entries;  ///< in the order of the file

  /// `PATH:LINE`
  std::string where(const Entry& entry) const;
};

/// A value is what stands between the blanks around it, or between double quotes. A comment has a
/// line of its own.
/// \throws InputError naming file and line for what is no INI, is not UTF-8, or is larger than 1 MB
ConfigFile read_config_file(const std::string& path);

}  // namespace lensbench::cli
