#include "plugin/plugin_host.hpp"

#include <algorithm>
#include <cstring>

#include "core/foreign_exception.hpp"
#include "core/text/suggest.hpp"
#include "plugin/load_probe.hpp"
#include "plugin/refuse.hpp"

// Registry of plug-ins. Entries are listed from descriptions alone; libraries are loaded when the
// first object of one is made. A refused library never prevents the use of the others, and the
// reason is shown if what was asked for is missing.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

std::string subject_of(PluginEntryKind kind, const std::string& name) {
  return std::string(kind_name(kind)) + " '" + name + "'";
}

std::string description_of(const PluginInfo& info) {
  return "'" + info.path.string() + "' (sha256 " + info.sha256 + ")";
}

// Descriptions of the libraries that differ in their bytes.
std::vector<std::string> distinct_libraries(const std::vector<const PluginInfo*>& list) {
  std::vector<std::string> libraries;
  std::set<std::string> seen;
  for (const auto* info : list)
    if (seen.insert(info->sha256).second) libraries.push_back(description_of(*info));
  return libraries;
}

/// Two binaries with one name: the user must choose, since neither is the right one by itself.
std::string undecided(PluginEntryKind kind, const std::string& name,
                      const std::vector<std::string>& libraries) {
  return subject_of(kind, name) + ": several libraries provide it (" + join(libraries, " and ") +
         "); pin '" + name + "' to one of them by its SHA-256 or path, or remove the others";
}

// Reads a library again and checks that its bytes are those with which it was registered.
SealedFile seal_again(const PluginInfo& info, const PathTrust& trust) {
  SealedFile file(open_checked(info.path, trust).descriptor, info.path);
  if (file.sha256() != info.sha256)
    refuse_plugin(PluginFault::not_pinned, info.path,
                  "changed after it was checked (found sha256 " + file.sha256() + ", expected " +
                      info.sha256 + "); run the command again");
  return file;
}

/// A library to be tested or loaded, with everything to which `LoadRequest` points.
struct Candidate {
  Candidate(const PluginInfo& info, PathTrust accepted)
      : path(info.path),
        trust(std::move(accepted)),
        file(seal_again(info, trust)),
        image(file.bytes(), path) {}
  LoadRequest request() const { return {path, &file, &image, &trust}; }

  fs::path path;
  PathTrust trust;
  SealedFile file;
  ElfImage image;
};

/// Factory of an entry, by its place in the description.
const PluginFactory& factory_in(const PluginFactories& library, const PluginInfo& info) {
  if (info.index < library.n_factories) return library.factories[info.index];
  refuse_plugin(PluginFault::malformed, info.path,
                "it has " + std::to_string(library.n_factories) +
                    " factories, fewer than its description lists; rebuild it");
}

}  // namespace

PluginHost::PluginHost(PluginPolicy policy) : policy_(std::move(policy)) {}
PluginHost::~PluginHost() = default;

/// Plug-ins of the installation are as safe as the library that was started; all others are checked
/// strictly.
PathTrust PluginHost::trust_of(const fs::path& library) const {
  const auto installed = installed_plugins();
  PathTrust trust = library == installed || library.parent_path() == installed
                        ? installation_trust(own_library())
                        : strict_trust();
  trust.anything = policy_.allow_insecure;
  return trust;
}

/// Registers a library by its description, without running it. The lock is asked before the bytes
/// are parsed.
void PluginHost::add(const fs::path& library) {
  const CheckedFile checked = open_checked(library, trust_of(library));
  const auto is_this = [&](const PluginInfo& entry) { return entry.path == checked.path; };
  // A folder may be given twice, by an option and by the environment.
  if (std::any_of(entries_.begin(), entries_.end(), is_this)) return;
  const SealedFile file(checked.descriptor, checked.path);
  if (policy_.lock) policy_.lock->check(checked.path, file.sha256());
  const auto descriptor = read_descriptor(ElfImage(file.bytes(), checked.path), checked.path);
  for (std::size_t i = 0; i < descriptor.entries.size(); ++i)
    entries_.push_back({descriptor.entries[i], descriptor.name, checked.path, descriptor.source,
                        file.sha256(), descriptor.api, i});
}

void PluginHost::load(const fs::path& library) {
  add(library);
  std::error_code error;
  const auto path = fs::canonical(library, error);
  for (const auto& entry : entries_)
    if (entry.path == path) return void(open(entry));
}

void PluginHost::load_directory(const fs::path& directory) {
  searched_.push_back(directory);
  const fs::path folder = check_folder(directory, trust_of(directory));
  // Names in order, so that the first of equal entries does not depend on the file system.
  std::error_code error;
  std::vector<fs::path> libraries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".so") libraries.push_back(it->path());
  if (error)
    throw PluginError(PluginFault::not_found, "plug-in folder '" + directory.string() +
                                                  "' cannot be read: " + error.message());
  std::sort(libraries.begin(), libraries.end());
  for (const auto& library : libraries) {
    try {
      add(library);
    } catch (const PluginError& refusal) {
      refusals_.push_back({library, refusal.fault(), refusal.what()});
    }
  }
}

/// The child processes read the libraries, which takes about as long as loading them. One that
/// fails is removed with all its entries.
void PluginHost::try_all() {
  std::vector<const PluginInfo*> untried;
  std::set<fs::path> seen;
  for (const auto& entry : entries_)
    if (seen.insert(entry.path).second && !tried_.contains(entry.sha256)) untried.push_back(&entry);
  std::vector<std::unique_ptr<Candidate>> candidates;  // those of a child, in its memory
  std::vector<TrialLibrary> libraries;
  for (const auto* info : untried)
    libraries.push_back({info->path, [this, info, &candidates] {
                           candidates.push_back(
                               std::make_unique<Candidate>(*info, trust_of(info->path)));
                           return candidates.back()->request();
                         }});
  const auto verdicts = probe_libraries(libraries, policy_.load_limit);
  std::map<fs::path, PluginError> failed;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i])
      failed.emplace(untried[i]->path, *verdicts[i]);
    else
      tried_.insert(untried[i]->sha256);
  }
  for (const auto& [path, error] : failed) refusals_.push_back({path, error.fault(), error.what()});
  std::erase_if(entries_, [&](const PluginInfo& entry) { return failed.contains(entry.path); });
}

/// Entries of a name, reduced by a pin. A pin that fits none of them is an error, because another
/// library must not take its place.
std::vector<const PluginInfo*> PluginHost::candidates(PluginEntryKind kind,
                                                      const std::string& name) const {
  std::vector<const PluginInfo*> list;
  for (const auto& entry : entries_)
    if (entry.kind == kind && entry.name == name) list.push_back(&entry);
  const auto pin = policy_.pins.find(name);
  if (pin == policy_.pins.end() || list.empty()) return list;
  std::error_code error;
  // A pin is a digest or a path; a digest as path does not exist and is equal to none.
  const auto path = fs::weakly_canonical(pin->second, error);
  const auto libraries = distinct_libraries(list);
  std::erase_if(list, [&](const PluginInfo* info) {
    return info->sha256 != pin->second && info->path != path;
  });
  if (list.empty())
    throw PluginError(PluginFault::not_pinned, subject_of(kind, name) + " is pinned to " +
                                                   (is_sha256(pin->second) ? "sha256 " : "") +
                                                   pin->second + ", but provided by " +
                                                   join(libraries, " and ") + "; correct the pin");
  return list;
}

/// Every name is looked up once, so that the messages are those that its use would give.
std::vector<std::string> PluginHost::complaints() const {
  std::vector<std::string> list;
  std::set<std::pair<PluginEntryKind, std::string>> seen;
  for (const auto& entry : entries_) {
    if (!seen.insert({entry.kind, entry.name}).second) continue;
    try {
      find(entry.kind, entry.name);
    } catch (const PluginError& error) {
      list.push_back(error.what());
    }
  }
  if (!policy_.lock) return list;
  for (const auto& locked : policy_.lock->plugins) {
    const auto is_it = [&](const PluginInfo& entry) { return entry.sha256 == locked.sha256; };
    if (std::none_of(entries_.begin(), entries_.end(), is_it))
      list.push_back("plug-in '" + locked.file + "' of lock '" + policy_.lock->path.string() +
                     "' (sha256 " + locked.sha256 + ") not found");
  }
  return list;
}

/// Error with everything that may explain why a name is missing: similar names, folders, locked and
/// refused libraries.
void PluginHost::not_found(PluginEntryKind kind, const std::string& name) const {
  std::vector<std::string> known, folders;
  for (const auto& entry : entries_)
    if (entry.kind == kind) known.push_back(entry.name);
  for (const auto& directory : searched_) folders.push_back(directory.string());
  std::string message = subject_of(kind, name) + " not found" + suggest(name, known) +
                        " (searched: " + (folders.empty() ? "no folders" : join(folders, ", ")) +
                        ")";
  if (policy_.lock)
    for (const auto& locked : policy_.lock->plugins)
      for (const auto& entry : locked.entries)
        if (entry.starts_with(std::string(kind_name(kind)) + " " + name + " "))
          message += "\n  locked: '" + locked.file + "' (sha256 " + locked.sha256 + ") of '" +
                     policy_.lock->path.string() + "' provides it, but was not found";
  for (const auto& refusal : refusals_) message += "\n  refused: " + refusal.message;
  throw PluginError(PluginFault::not_found, message);
}

/// Copies of one binary are one candidate.
const PluginInfo& PluginHost::find(PluginEntryKind kind, const std::string& name) const {
  const auto list = candidates(kind, name);
  if (list.empty()) not_found(kind, name);
  if (const auto libraries = distinct_libraries(list); libraries.size() > 1)
    throw PluginError(PluginFault::duplicate_name, undecided(kind, name, libraries));
  return *list.front();
}

/// Factory of an entry, from the library that is loaded already or after a trial in a child.
const PluginFactory& PluginHost::open(const PluginInfo& info) const {
  if (const auto* known = loaded_library(info.sha256)) return factory_in(*known, info);
  Candidate candidate(info, trust_of(info.path));
  if (!tried_.contains(info.sha256)) {
    const TrialLibrary library{info.path, [&] { return candidate.request(); }};
    if (const auto failure = probe_libraries({library}, policy_.load_limit).front()) throw *failure;
  }
  return factory_in(load_library(std::move(candidate.file), info.path, candidate.trust), info);
}

/// Any exception of a factory becomes an error of the plug-in, which does not end the command.
PluginObject PluginHost::create(PluginEntryKind kind, const std::string& name) const {
  const auto& info = find(kind, name);
  const PluginFactory& factory = open(info);
  const std::string subject =
      subject_of(kind, name) + " of '" + info.path.string() + "': its factory ";
  try {
    if (void* object = factory.create()) return {object, factory.destroy};
  } catch (...) {
    throw PluginError(PluginFault::factory_failed,
                      subject + "failed: " + text_of_foreign_exception());
  }
  throw PluginError(PluginFault::factory_failed, subject + "returned a null pointer");
}

Parameters PluginHost::resolve(const PluginInfo& entry, const Settings& given) const {
  return Parameters::resolve(entry.parameters, given, subject_of(entry.kind, entry.name));
}

/// One line for each binary, with all of its entries. Paths are left out, so that an installation
/// may be moved.
PluginLock PluginHost::lock() const {
  std::map<std::string, LockedPlugin> plugins;
  for (const auto& entry : entries_) {
    auto& plugin = plugins[entry.sha256];
    plugin.name = entry.plugin;
    plugin.file = entry.path.filename().string();
    plugin.sha256 = entry.sha256;
    const std::string text =
        std::string(kind_name(entry.kind)) + " " + entry.name + " " + entry.version;
    if (std::find(plugin.entries.begin(), plugin.entries.end(), text) == plugin.entries.end())
      plugin.entries.push_back(text);
  }
  PluginLock lock;
  for (auto& [sha256, plugin] : plugins) lock.plugins.push_back(std::move(plugin));
  std::sort(lock.plugins.begin(), lock.plugins.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return lock;
}

}  // namespace lensbench
