#include "plugin/library_loader.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include "plugin/descriptor_reader.hpp"
#include "plugin/refuse.hpp"
#include "plugin/trial_copy.hpp"

// Loading of libraries by the system's loader. docs/decisions/plugins-are-never-unloaded.md and
// sealed-plugin-bytes.md have the reasons: a loaded library stays for good, and the loader gets the
// sealed bytes that were checked.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Demangles a C++ name at the end of the loader's message.
void demangle_last_word(std::string& text) {
  const auto begin = text.rfind(' ') + 1;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(text.c_str() + begin, nullptr, nullptr, &status), &std::free);
  if (status == 0) text.replace(begin, std::string::npos, plain.get());
}

// Message of the loader without the prefix and the unrelated errno text that Boost adds.
std::string loader_sentence(const std::string& what, const std::string& loader_path) {
  const std::string prefix = "boost::dll::shared_library::load() failed";
  std::string text = what.starts_with(prefix) ? what.substr(prefix.size()) : what;
  const auto begin = text.find_first_not_of(" :(");
  text = begin == std::string::npos ? what : text.substr(begin);
  if (const auto end = text.rfind(": Bad file descriptor"); end != std::string::npos)
    text.resize(end);
  while (!text.empty() && text.back() == ')' && text.find('(') == std::string::npos)
    text.pop_back();
  replace_all(text, "dlerror system message: ", "");
  replace_all(text, loader_path + ": ", "");
  demangle_last_word(text);
  return text;
}

/// Loads a file. Symbols stay local, so that two plug-ins may define the same ones.
boost::dll::shared_library open_file(const std::string& file, const fs::path& path) {
  using boost::dll::load_mode::type;
  // All symbols are resolved now, because an unresolved symbol found later would end the process.
  const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local |
                    static_cast<type>(RTLD_NODELETE);
  try {
    return boost::dll::shared_library(file, mode);
  } catch (const std::system_error& error) {
    refuse_plugin(PluginFault::not_loadable, path,
                  "cannot be loaded: " + loader_sentence(error.what(), file) +
                      "; rebuild it against this lensbench and link all libraries that it needs");
  }
}

/// Asks the loader without loading, because a library that is in the process is used as it is.
bool is_in_process(const std::string& name) {
  void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

// Loads a needed library from the search path of the plug-in. The system's loader cannot do this
// itself: for bytes in memory, it would replace $ORIGIN by the wrong folder, and it reads an empty
// element as the current directory.
void load_needed(const std::string& name, const LoadRequest& request) {
  for (std::string folder : request.image->search_path()) {
    const std::string origin = request.path.parent_path().string();
    replace_all(folder, "${ORIGIN}", origin);
    replace_all(folder, "$ORIGIN", origin);
    const fs::path candidate = fs::path(folder) / name;
    std::error_code ignored;
    if (!fs::exists(candidate, ignored)) continue;
    if (!candidate.is_absolute())
      refuse_plugin(PluginFault::insecure, request.path,
                    "would load '" + name +
                        "' from the current directory, because its RUNPATH contains '" + folder +
                        "'; link it with absolute paths or $ORIGIN");
    // The library gets the checks of the plug-in itself, since its code runs with it.
    const CheckedFile checked = open_checked(fs::absolute(candidate), *request.trust);
    open_file(checked.path.string(), request.path);
    return;
  }
}

/// Needed libraries come first: then the loader finds them in the process and does not search.
void load_all_needed(const LoadRequest& request) {
  for (const NeededLibrary& library : request.image->needed()) {
    // A name with a slash is a path, which the loader takes as it is. The own libraries are there,
    // and the loader would go through all that they need before it says so.
    const std::string& name = library.name;
    if (name.find('/') != std::string::npos || own_libraries().contains(name)) continue;
    if (!is_in_process(name)) load_needed(name, request);
  }
}

const PluginFactories& exported_factories(const boost::dll::shared_library& library,
                                          const fs::path& path) {
  if (!library.has(kFactoriesSymbol))
    refuse_plugin(PluginFault::malformed, path,
                  "symbol '" + std::string(kFactoriesSymbol) +
                      "' is missing; describe the library with LENSBENCH_PLUGIN(...)");
  return library.get<const PluginFactories>(kFactoriesSymbol);
}

/// A library that was given to the loader; `file` keeps the descriptor whose number is in its name.
struct Loaded {
  SealedFile file;
  const PluginFactories* factories = nullptr;  ///< null if the loader refused the library
};

// Libraries in this process by the SHA-256 of their bytes. The map is never destroyed, because
// libraries are never unloaded.
std::map<std::string, Loaded>& loaded_libraries() {
  static auto& libraries = *new std::map<std::string, Loaded>;
  return libraries;
}

std::mutex& loading() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

const PluginFactories& open_library(const LoadRequest& request) {
  load_all_needed(request);
  return exported_factories(open_file(request.file->loader_path(), request.path), request.path);
}

const PluginFactories& open_for_trial(const LoadRequest& request) {
  load_all_needed(request);
  // The memory stays open, because the loader identifies a library by its descriptor number.
  static auto& copies = *new std::vector<FileDescriptor>;
  copies.push_back(copy_without(own_libraries(), *request.file, *request.image, request.path));
  std::optional<boost::dll::shared_library> library;
  try {
    library = open_file(memory_path(copies.back()), request.path);
  } catch (const PluginError&) {
    // None of its code has run. The library itself finds symbols that are not global in this
    // process, and gives the reason if it cannot be loaded either.
    return open_library(request);
  }
  return exported_factories(*library, request.path);
}

const PluginFactories* loaded_library(const std::string& sha256) {
  const std::lock_guard lock(loading());
  const auto found = loaded_libraries().find(sha256);
  return found == loaded_libraries().end() ? nullptr : found->second.factories;
}

/// Loads equal bytes once, by whatever path they come. The lock covers the loading, so that two
/// threads never load the same bytes.
const PluginFactories& load_library(SealedFile file, const fs::path& path, const PathTrust& trust) {
  const std::lock_guard lock(loading());
  const std::string sha256 = file.sha256();
  // The file is kept even if loading fails, because its name (a descriptor number) must not be
  // reused for another file: the loader identifies libraries by name.
  auto& loaded = loaded_libraries().try_emplace(sha256, Loaded{std::move(file)}).first->second;
  if (loaded.factories == nullptr) {
    const ElfImage image(loaded.file.bytes(), path);
    loaded.factories = &open_library({path, &loaded.file, &image, &trust});
  }
  return *loaded.factories;
}

}  // namespace lensbench
