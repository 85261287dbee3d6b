#include "bench/plugin_host.hpp"

#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>

#include "bench/elf_check.hpp"
#include "core/suggest.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSymbol = "lensbench_plugin_descriptor";

const char* kind_name(PluginEntryKind kind) {
  return kind == PluginEntryKind::tool ? "tool" : "experiment";
}

[[noreturn]] void refuse(PluginFault fault, const fs::path& path, const std::string& why) {
  throw PluginError(fault, "plug-in '" + path.string() + "': " + why);
}

// Boost wraps the loader's sentence in its own name and a stale errno text.
std::string loader_sentence(const std::string& what) {
  const std::string prefix = "boost::dll::shared_library::load() failed";
  std::string text = what.starts_with(prefix) ? what.substr(prefix.size()) : what;
  const auto begin = text.find_first_not_of(" :(");
  text = begin == std::string::npos ? what : text.substr(begin);
  if (const auto end = text.rfind(": Bad file descriptor"); end != std::string::npos)
    text.resize(end);
  while (!text.empty() && text.back() == ')' && text.find('(') == std::string::npos)
    text.pop_back();
  return text;
}

boost::dll::shared_library open_library(const fs::path& path) {
  using boost::dll::load_mode::type;
  // Resolve everything now: an unresolved symbol found later would end the process. Never unload:
  // tensors and exceptions of the library may outlive its tools.
  const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local |
                    static_cast<type>(RTLD_NODELETE);
  try {
    return boost::dll::shared_library(path, mode);
  } catch (const std::exception& error) {
    refuse(PluginFault::not_loadable, path,
           "cannot be loaded: " + loader_sentence(error.what()) +
               "; rebuild it against this lensbench");
  }
}

void check_contract(const PluginDescriptor& descriptor, const fs::path& path) {
  if (descriptor.magic != kPluginMagic || descriptor.format_version != kPluginFormatVersion)
    refuse(PluginFault::wrong_format, path,
           "its descriptor has an unknown format (version " +
               std::to_string(descriptor.format_version) + "), this lensbench reads version " +
               std::to_string(kPluginFormatVersion) + "; rebuild it against this lensbench");
  if (descriptor.api_major != kPluginApiMajor || descriptor.api_minor > kPluginApiMinor)
    refuse(PluginFault::wrong_api, path,
           "built for plug-in API " + std::to_string(descriptor.api_major) + "." +
               std::to_string(descriptor.api_minor) + ", this lensbench speaks " +
               std::to_string(kPluginApiMajor) + "." + std::to_string(kPluginApiMinor) +
               "; rebuild it against this lensbench");
  const std::string tag = descriptor.abi_tag == nullptr ? "" : descriptor.abi_tag;
  if (tag != LENSBENCH_ABI_TAG)
    refuse(PluginFault::wrong_abi, path,
           "built with another ABI (" + tag +
               "), this lensbench has (" LENSBENCH_ABI_TAG
               "); rebuild it with the same compiler and libtorch");
}

bool is_entry_name(const char* name) {
  if (name == nullptr || *name < 'a' || *name > 'z') return false;
  return std::all_of(name, name + std::strlen(name), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void check_entry(const PluginEntry& entry, std::size_t index, const fs::path& path) {
  const std::string which = "entry " + std::to_string(index);
  const auto malformed = [&](const std::string& why) {
    refuse(PluginFault::malformed, path, which + " " + why);
  };
  if (entry.kind != PluginEntryKind::tool && entry.kind != PluginEntryKind::experiment)
    malformed("is neither a tool nor an experiment");
  if (!is_entry_name(entry.name)) malformed("has no name of the form [a-z][a-z0-9_]*");
  if (entry.version == nullptr || *entry.version == '\0') malformed("has no version");
  if (entry.summary == nullptr) malformed("has no summary");
  if (entry.create == nullptr || entry.destroy == nullptr) malformed("has no factory");
  std::set<std::string> names;
  for (std::size_t i = 0; i < entry.n_parameters; ++i) {
    const auto& parameter = entry.parameters[i];
    if (parameter.name == nullptr || parameter.units == nullptr || parameter.help == nullptr)
      malformed("has a parameter with a null field");
    if (!names.insert(parameter.name).second)
      malformed("declares parameter '" + std::string(parameter.name) + "' twice");
  }
}

PluginInfo describe_entry(const PluginDescriptor& descriptor, const PluginEntry& entry,
                          const fs::path& path) {
  PluginInfo info{entry.kind,
                  entry.name,
                  entry.version,
                  entry.summary,
                  {},
                  descriptor.name,
                  path,
                  descriptor.source == nullptr ? "" : descriptor.source,
                  &entry};
  for (std::size_t i = 0; i < entry.n_parameters; ++i) {
    const auto& p = entry.parameters[i];
    const bool required = p.default_value == nullptr;
    info.parameters.push_back(
        {p.name, p.type, required ? "" : p.default_value, p.units, p.help, required});
  }
  return info;
}

fs::path own_directory() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_directories), &info) == 0) return {};
  std::error_code error;
  return fs::canonical(info.dli_fname, error).parent_path();
}

}  // namespace

PluginHost::PluginHost() = default;
PluginHost::~PluginHost() = default;

void PluginHost::load(const fs::path& library) {
  std::error_code error;
  const fs::path path = fs::exists(library, error) ? fs::canonical(library, error) : library;
  const auto is_this = [&](const PluginInfo& entry) { return entry.path == path; };
  // A folder may be named twice, by an option and by the environment.
  if (std::any_of(entries_.begin(), entries_.end(), is_this)) return;
  check_shared_library(path);
  const auto handle = open_library(path);
  if (!handle.has(kSymbol))
    refuse(PluginFault::no_descriptor, path,
           "exports no '" + std::string(kSymbol) +
               "'; it is not a lensbench plug-in, or its source lacks LENSBENCH_PLUGIN(...)");
  const auto& descriptor = handle.get<const PluginDescriptor>(kSymbol);
  check_contract(descriptor, path);
  if (descriptor.name == nullptr || descriptor.entries == nullptr || descriptor.n_entries == 0)
    refuse(PluginFault::malformed, path, "its descriptor lists no tool and no experiment");

  std::vector<PluginInfo> found;
  for (std::size_t i = 0; i < descriptor.n_entries; ++i) {
    const auto& entry = descriptor.entries[i];
    check_entry(entry, i, path);
    const auto same = [&](const PluginInfo& other) {
      return other.kind == entry.kind && other.name == entry.name;
    };
    for (const auto* known : {&entries_, &found}) {
      const auto other = std::find_if(known->begin(), known->end(), same);
      if (other != known->end())
        refuse(PluginFault::duplicate_name, path,
               std::string(kind_name(entry.kind)) + " '" + entry.name +
                   "' is already provided by '" + other->path.string() +
                   "'; remove or rename one of them");
    }
    found.push_back(describe_entry(descriptor, entry, path));
  }
  std::move(found.begin(), found.end(), std::back_inserter(entries_));
}

void PluginHost::load_directory(const fs::path& directory) {
  searched_.push_back(directory);
  std::error_code error;
  std::vector<fs::path> libraries;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".so") libraries.push_back(it->path());
  if (error)
    throw PluginError(PluginFault::not_found, "plug-in folder '" + directory.string() +
                                                  "' cannot be read: " + error.message());
  std::sort(libraries.begin(), libraries.end());
  for (const auto& library : libraries) {
    try {
      load(library);
    } catch (const PluginError& refusal) {
      refusals_.push_back({library, refusal.fault(), refusal.what()});
    }
  }
}

const PluginInfo& PluginHost::find(PluginEntryKind kind, const std::string& name) const {
  std::vector<std::string> known, places;
  for (const auto& entry : entries_) {
    if (entry.kind != kind) continue;
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  for (const auto& directory : searched_) places.push_back(directory.string());
  std::string message = std::string("no ") + kind_name(kind) + " '" + name + "'" +
                        suggest(name, known) +
                        " (searched: " + (places.empty() ? "nowhere" : join(places, ", ")) + ")";
  for (const auto& refusal : refusals_) message += "\n  refused: " + refusal.message;
  throw PluginError(PluginFault::not_found, message);
}

template <class Base>
std::unique_ptr<Base, EntryDeleter<Base>> PluginHost::create(PluginEntryKind kind,
                                                             const std::string& name) const {
  const auto& info = find(kind, name);
  const auto& entry = *info.native;
  const std::string subject = std::string(kind_name(kind)) + " '" + name + "' of '" +
                              info.path.string() + "': its factory ";
  try {
    if (void* object = entry.create()) return {static_cast<Base*>(object), {entry.destroy}};
  } catch (const c10::Error& error) {
    throw PluginError(PluginFault::factory_failed,
                      subject + "failed: " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw PluginError(PluginFault::factory_failed, subject + "failed: " + error.what());
  } catch (...) {
    throw PluginError(PluginFault::factory_failed,
                      subject + "threw something that is no exception");
  }
  throw PluginError(PluginFault::factory_failed, subject + "returned nothing");
}

ToolHandle PluginHost::create_tool(const std::string& name) const {
  return create<Tool>(PluginEntryKind::tool, name);
}

ExperimentHandle PluginHost::create_experiment(const std::string& name) const {
  return create<Experiment>(PluginEntryKind::experiment, name);
}

Parameters PluginHost::resolve(const PluginInfo& entry,
                               const std::map<std::string, std::string>& given) const {
  const auto& declared = *entry.native;
  return Parameters::resolve({declared.parameters, declared.n_parameters}, given,
                             std::string(kind_name(entry.kind)) + " '" + entry.name + "'");
}

std::vector<fs::path> plugin_directories(const std::vector<std::string>& given) {
  std::vector<fs::path> directories;
  for (const auto& directory : given) directories.push_back(fs::absolute(directory));
  if (const char* variable = std::getenv("LENSBENCH_PLUGIN_PATH");
      variable != nullptr && *variable != '\0') {
    std::string_view rest = variable;
    for (bool more = true; more;) {
      const auto colon = rest.find(':');
      const fs::path element(rest.substr(0, colon));
      if (!element.is_absolute())
        throw UsageError("LENSBENCH_PLUGIN_PATH holds '" + element.string() +
                         "'; every element must be an absolute path, so that nothing is loaded "
                         "from the current directory by accident");
      directories.push_back(element);
      more = colon != std::string_view::npos;
      if (more) rest.remove_prefix(colon + 1);
    }
  }
  std::error_code error;
  const auto installed = own_directory() / "lensbench" / "plugins";
  if (fs::is_directory(installed, error)) directories.push_back(installed);
  return directories;
}

}  // namespace lensbench
