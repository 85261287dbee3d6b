#include "session/plugin_search.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <lensbench/error.hpp>
#include <string_view>

#include "core/text/suggest.hpp"

// Search for plug-ins as a request asks for it. Settings that weaken the checks are allowed, but
// each of them is a warning in every run.

namespace lensbench {
namespace {

/// A pin for a name that does not exist is a mistake in typing, and would protect nothing.
void check_pins(const PluginHost& host, const std::map<std::string, std::string>& pins) {
  std::vector<std::string> known;
  for (const auto& entry : host.entries()) known.push_back(entry.name);
  for (const auto& [name, hash_or_path] : pins)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError("pin '" + name + "': a tool or experiment of that name was not found" +
                       suggest(name, known));
}

// True if the system loader would search the current directory for libraries that plug-ins need.
bool searches_current_directory(const char* list) {
  if (list == nullptr || *list == '\0') return false;
  std::string_view rest = list;
  for (;;) {
    const auto end = rest.find_first_of(":;");
    // An empty element means the current directory, for the system's loader too.
    if (rest.substr(0, end).empty() || rest[0] != '/') return true;
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

PluginPolicy plugin_policy(const PluginSearch& search) {
  PluginPolicy policy;
  policy.allow_insecure = search.allow_insecure;
  policy.pins = search.pins;
  if (!search.lock.empty()) policy.lock = PluginLock::read(search.lock);
  return policy;
}

void find_plugins(PluginHost& host, const PluginSearch& search, const Warn& warn) {
  if (searches_current_directory(std::getenv("LD_LIBRARY_PATH")))
    warn(
        "LD_LIBRARY_PATH has an empty or relative element, so the system may load libraries from "
        "the current directory");
  if (search.allow_insecure)
    warn("insecure plug-ins are allowed: libraries that others can change are loaded too");
  for (const auto& directory : plugin_directories(search.dirs)) host.load_directory(directory);
  // A pin by path may name a library outside of the searched folders.
  for (const auto& [name, hash_or_path] : search.pins)
    if (!is_sha256(hash_or_path)) host.add(hash_or_path);
  check_pins(host, search.pins);
}

}  // namespace lensbench
