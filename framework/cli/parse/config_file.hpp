#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Options from an INI file.
struct ConfigFile {
  struct Entry {
    std::string key;  ///< key; in section [set]: `set.KEY`
    std::string value;
    std::size_t line;  ///< line number from 1
  };
  std::string path, text;
  std::vector<Entry> entries;  ///< entries in the order of the file

  /// Location of an entry: `PATH:LINE`.
  std::string where(const Entry& entry) const;
};

/// Reads an INI file. A value is trimmed of surrounding blanks, or quoted with double quotes. A
/// comment needs a separate line.
/// \throws InputError that names file and line if the file is not INI or UTF-8, or exceeds 1 MB
ConfigFile read_config_file(const std::string& path);

}  // namespace lensbench::cli
