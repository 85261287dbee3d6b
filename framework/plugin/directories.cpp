#include <dlfcn.h>

#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "plugin/plugin_host.hpp"

// Folders in which plug-ins are searched. None of them may be relative to the current directory:
// whoever starts the command in a folder of somebody else would load code from there.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "LENSBENCH_PLUGIN_PATH";

/// A folder of an option. A relative path is accepted, because the user has typed it, but not the
/// current directory itself.
fs::path given_folder(const std::string& text) {
  const fs::path folder = fs::path(text).lexically_normal();
  if (folder.empty() || folder == "." || folder == "./")
    throw UsageError(
        "plug-in folder '" + text +
        "' is the current directory; give its absolute path, so that plug-ins are never "
        "loaded from the current directory by accident");
  return fs::absolute(folder);
}

/// Folders of the environment variable; an empty element would mean the current directory.
std::vector<fs::path> folders_of(std::string_view list) {
  std::vector<fs::path> folders;
  for (bool more = true; more;) {
    const auto colon = list.find(':');
    const fs::path element(list.substr(0, colon));
    if (!element.is_absolute())
      throw UsageError(std::string(kVariable) + ": '" + element.string() +
                       "' is not an absolute path; give absolute paths, so that plug-ins are never "
                       "loaded from the current directory by accident");
    folders.push_back(element);
    more = colon != std::string_view::npos;
    if (more) list.remove_prefix(colon + 1);
  }
  return folders;
}

}  // namespace

/// File of this code by the address of one of its functions.
fs::path own_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_directories), &info) == 0) return {};
  std::error_code error;
  return fs::canonical(info.dli_fname, error);
}

fs::path installed_plugins() {
  // The code is in PREFIX/lib, or in a program in PREFIX/bin that contains the library.
  return own_library().parent_path().parent_path() / "lib" / "lensbench" / "plugins";
}

/// Options come before the environment, the environment before the installation.
std::vector<fs::path> plugin_directories(const std::vector<std::string>& given) {
  std::vector<fs::path> directories;
  for (const auto& directory : given) directories.push_back(given_folder(directory));
  if (const char* variable = std::getenv(kVariable); variable != nullptr && *variable != '\0')
    for (auto& folder : folders_of(variable)) directories.push_back(std::move(folder));
  std::error_code error;
  const auto installed = installed_plugins();
  // A build without installation does not have this folder.
  if (fs::is_directory(installed, error)) directories.push_back(installed);
  return directories;
}

}  // namespace lensbench
