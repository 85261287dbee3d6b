#include "cli/parse/config_file.hpp"

#include <boost/program_options.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <lensbench/error.hpp>
#include <sstream>
#include <string_view>

#include "core/text/utf8.hpp"

namespace lensbench::cli {
namespace {

namespace po = boost::program_options;

/// Limit for a text that the archive keeps.
constexpr std::size_t kMostBytes = 1000000;

/// Whole text of the file. \throws InputError if it cannot be stored in an archive
std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // An ifstream opens a folder without an error.
  if (!file || std::filesystem::is_directory(path))
    throw InputError(path + ": the config file cannot be read");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.size() > kMostBytes)
    throw InputError(path + ": has " + std::to_string(text.size()) +
                     " bytes; a config file may have at most 1,000,000");
  if (!is_storable_text(text)) throw InputError(path + ": the config file is not UTF-8 text");
  return text;
}

/// Numbers of the lines with an entry, in order. A `#` after a value is refused, since Boost would
/// silently end the value there.
std::vector<std::size_t> entry_lines(const std::string& path, const std::string& text) {
  std::vector<std::size_t> lines;
  std::istringstream input(text);
  std::string line;
  for (std::size_t number = 1; std::getline(input, line); ++number) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    const std::string where = path + ":" + std::to_string(number);
    const auto hash = line.find('#'), equals = line.find('=');
    if (hash != std::string::npos)
      throw InputError(where +
                       ": the line has a '#' after other text; write a comment on a separate line, "
                       "and give a value with '#' on the command line");
    const auto last = line.find_last_not_of(" \t\r");
    if (line[first] == '[' && line[last] == ']') continue;
    // Boost would report such a line without its number.
    if (equals == std::string::npos || equals == first)
      throw InputError(where + ": expected KEY = VALUE or [set], found '" +
                       line.substr(first, last + 1 - first) + "'");
    lines.push_back(number);
  }
  return lines;
}

std::string unquoted(const std::string& value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

std::string ConfigFile::where(const Entry& entry) const {
  return path + ":" + std::to_string(entry.line);
}

/// Values are parsed by Boost, line numbers are counted separately, because Boost does not give
/// them.
ConfigFile read_config_file(const std::string& path) {
  ConfigFile config{path, read_text(path), {}};
  const auto lines = entry_lines(path, config.text);
  std::istringstream input(config.text);
  try {
    // Without described options, all keys are accepted here; the table of the command checks them,
    // with suggestions.
    const auto parsed = po::parse_config_file(input, po::options_description(), true);
    // The two readers of the file must agree, or an error would name a wrong line.
    if (parsed.options.size() != lines.size())
      throw InputError(path + ": cannot be read as an INI file");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& option = parsed.options[i];
      config.entries.push_back({option.string_key,
                                option.value.empty() ? "" : unquoted(option.value.front()),
                                lines[i]});
    }
  } catch (const po::error& error) {
    throw InputError(path + ": " + error.what());
  }
  return config;
}

}  // namespace lensbench::cli
