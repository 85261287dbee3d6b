#include "plugin/plugin_lock.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text/json.hpp"
#include "core/text/suggest.hpp"

// Lock of plug-ins: the SHA-256 of every binary that may be loaded. Only contents count; names and
// entries are for messages.

namespace lensbench {
namespace {

using nlohmann::json;

constexpr const char* kKey = "lensbench_plugin_lock";
constexpr int kVersion = 1;
constexpr const char* kRemedy = "; regenerate the lock";

/// One line of the lock. All fields are required, so that a damaged lock never allows less or more
/// than it says.
LockedPlugin read_plugin(const json& item, const std::string& where) {
  LockedPlugin plugin;
  try {
    plugin = {item.at("name"), item.at("file"), item.at("sha256"), item.at("entries")};
  } catch (const json::exception&) {
    throw InputError(where + ": needs name, file and sha256 as text and entries as a list of text" +
                     kRemedy);
  }
  if (!is_sha256(plugin.sha256))
    throw InputError(where + ": sha256 is '" + plugin.sha256 +
                     "', expected 64 lower-case hexadecimal digits" + kRemedy);
  return plugin;
}

}  // namespace

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

PluginLock PluginLock::read(const std::filesystem::path& path) {
  const json document = read_json(path);
  const std::string subject = path.string() + ": plug-in lock";
  if (!document.is_object() || !document.contains(kKey) || !document.contains("plugins") ||
      !document["plugins"].is_array())
    throw InputError(subject + ": expected an object with '" + kKey + "' and a list 'plugins'" +
                     kRemedy);
  if (document[kKey] != kVersion)
    throw InputError(subject + ": version " + document[kKey].dump() +
                     " is unknown, expected version " + std::to_string(kVersion) + kRemedy);
  PluginLock lock{path, {}};
  std::set<std::string> seen;
  for (std::size_t i = 0; i < document["plugins"].size(); ++i) {
    const std::string where = subject + ", entry " + std::to_string(i);
    lock.plugins.push_back(read_plugin(document["plugins"][i], where));
    // Equal digests would be one binary with two names.
    if (!seen.insert(lock.plugins.back().sha256).second)
      throw InputError(where + ": sha256 " + lock.plugins.back().sha256 + " is listed twice" +
                       kRemedy);
  }
  return lock;
}

/// One space of indentation: each plug-in changes few lines under version control.
std::string PluginLock::text() const {
  json list = json::array();
  for (const auto& plugin : plugins)
    list.push_back({{"name", plugin.name},
                    {"file", plugin.file},
                    {"sha256", plugin.sha256},
                    {"entries", plugin.entries}});
  return json{{kKey, kVersion}, {"plugins", list}}.dump(1) + "\n";
}

/// The file name decides only which message is given, not what is allowed.
void PluginLock::check(const std::filesystem::path& library, const std::string& sha256) const {
  const auto has = [&](auto field, const std::string& value) {
    return std::find_if(plugins.begin(), plugins.end(),
                        [&](const LockedPlugin& plugin) { return plugin.*field == value; });
  };
  if (has(&LockedPlugin::sha256, sha256) != plugins.end()) return;
  const std::string subject = "plug-in '" + library.string() + "': ";
  const auto known = has(&LockedPlugin::file, library.filename().string());
  if (known != plugins.end())
    throw PluginError(PluginFault::not_pinned,
                      subject + "not the binary of lock '" + path.string() + "' (found sha256 " +
                          sha256 + ", expected " + known->sha256 +
                          "); restore the old binary, or write a new lock if you trust this one");
  throw PluginError(PluginFault::not_pinned,
                    subject + "not in lock '" + path.string() + "' (sha256 " + sha256 +
                        ", which is not among its " + std::to_string(plugins.size()) +
                        " binaries); write a new lock if you trust it");
}

}  // namespace lensbench
