#pragma once

#include <filesystem>
#include <lensbench/plugin_descriptor.hpp>
#include <string>

#include "plugin/elf_image.hpp"
#include "plugin/permissions.hpp"
#include "plugin/sealed_file.hpp"

namespace lensbench {

/// A plug-in to be loaded.
struct LoadRequest {
  std::filesystem::path path;  ///< real path of the file
  const SealedFile* file;
  const ElfImage* image;
  const PathTrust* trust;
};

/// Loads a plug-in with the system's loader. Needed libraries that are not in the process yet are
/// loaded first, from the search path of the plug-in, with the permission checks of the plug-in,
/// and never from the current directory. The caller must keep the file open permanently: the loader
/// identifies a library by its name, which has the number of the file descriptor.
/// \return factories of the plug-in
/// \throws PluginError(not_loadable | insecure) with the loader's reason
const PluginFactories& open_library(const LoadRequest& request);

/// Loads a plug-in as `open_library` does, for a trial in a child process: a missing symbol is
/// found, and its code runs, but from a copy of its bytes whose loading takes less time
/// (trial_copy.cpp).
const PluginFactories& open_for_trial(const LoadRequest& request);

/// Descriptor of the library with this SHA-256 if `load_library` has loaded it; else null.
const PluginFactories* loaded_library(const std::string& sha256);

/// Loads a library with `open_library`, once per process for equal bytes. Libraries are never
/// unloaded, because tensors and exceptions of a library may outlive its tools.
const PluginFactories& load_library(SealedFile file, const std::filesystem::path& path,
                                    const PathTrust& trust);

}  // namespace lensbench
