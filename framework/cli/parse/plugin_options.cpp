#include "cli/parse/plugin_options.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <lensbench/error.hpp>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/parse/options.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> parse_pins(const std::vector<std::string>& pins) {
  std::map<std::string, std::string> parsed;
  for (const auto& pin : pins) {
    const auto equals = pin.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pin.size())
      throw UsageError("--pin '" + pin + "' is neither NAME=SHA256 nor NAME=PATH");
    const std::string name = pin.substr(0, equals), value = pin.substr(equals + 1);
    const std::string place = is_sha256(value) ? value : fs::absolute(value).string();
    if (!parsed.emplace(name, place).second)
      throw UsageError("--pin names '" + name + "' twice; one library can be pinned to it");
  }
  return parsed;
}

void check_pins(const PluginHost& host, const std::map<std::string, std::string>& pins) {
  std::vector<std::string> known;
  for (const auto& entry : host.entries()) known.push_back(entry.name);
  for (const auto& [name, place] : pins)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError("--pin '" + name + "': no tool or experiment of that name was found" +
                       suggest(name, known));
}

// Libraries that plug-ins need are looked for there, in front of every other place.
bool searches_current_directory(const char* list) {
  if (list == nullptr || *list == '\0') return false;
  std::string_view rest = list;
  for (;;) {
    const auto end = rest.find_first_of(":;");
    if (rest.substr(0, end).empty() || rest[0] != '/') return true;
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<Option> plugin_options() {
  return {plugin_dir_option(),
          {.name = "plugin-lock",
           .argument = "FILE",
           .help = "load no plug-in but those that FILE lists by SHA-256 (lensbench list tools "
                   "--lock writes one)",
           .values = Values::file},
          {.name = "pin",
           .argument = "NAME=PLUGIN",
           .help = "take the tool or experiment from this library, given by SHA-256 or path",
           .repeats = true},
          {.name = "allow-insecure-plugins",
           .argument = "",
           .help = "load plug-ins also from places that others can write (docs/security.md)"}};
}

PluginArguments plugin_arguments(const Options& options) {
  return {options.list("plugin-dir"), options.text("plugin-lock"), options.list("pin"),
          options.flag("allow-insecure-plugins")};
}

PluginPolicy plugin_policy(const PluginArguments& arguments) {
  PluginPolicy policy;
  policy.allow_insecure = arguments.allow_insecure;
  policy.pins = parse_pins(arguments.pins);
  if (!arguments.lock.empty()) policy.lock = PluginLock::read(arguments.lock);
  return policy;
}

void find_plugins(PluginHost& host, const PluginArguments& arguments, bool quiet) {
  if (!quiet && searches_current_directory(std::getenv("LD_LIBRARY_PATH")))
    std::cerr << "lensbench: LD_LIBRARY_PATH has an empty or relative element, so the system may "
                 "load libraries from the current directory\n";
  if (!quiet && arguments.allow_insecure)
    std::cerr << "lensbench: --allow-insecure-plugins: libraries that others can change are "
                 "loaded too\n";
  for (const auto& directory : plugin_directories(arguments.dirs)) host.load_directory(directory);
  const auto pins = parse_pins(arguments.pins);
  for (const auto& [name, place] : pins)
    if (!is_sha256(place)) host.add(place);
  check_pins(host, pins);
}

}  // namespace lensbench::cli
