#pragma once

#include <filesystem>
#include <lensbench/plugin_descriptor.hpp>
#include <string>

#include "plugin/elf_image.hpp"
#include "plugin/permissions.hpp"
#include "plugin/sealed_file.hpp"

namespace lensbench {

/// A plug-in that is about to be loaded.
struct LoadRequest {
  std::filesystem::path path;  ///< real path of the file the bytes came from
  const SealedFile* file;
  const ElfImage* image;
  const PlaceTrust* trust;
};

/// Hands the bytes to the system's loader. The libraries it needs that are not in the process yet
/// are loaded first, from the folders it names, whose place is checked as its own; none of them
/// from the current directory. The caller keeps the bytes' descriptor open for good: the loader
/// knows a library by its name, and a descriptor's number may be used again. \return its descriptor
/// \throws PluginError(not_loadable | insecure) with the loader's reason
const PluginDescriptor& open_library(const LoadRequest& request);

/// The library of these bytes if this process has loaded it, by `load_library`.
const PluginDescriptor* loaded_library(const std::string& sha256);

/// `open_library` once for the same bytes, whoever asks. Libraries are never unloaded: tensors and
/// exceptions of one may outlive its tools.
const PluginDescriptor& load_library(SealedFile file, const std::filesystem::path& path,
                                     const PlaceTrust& trust);

}  // namespace lensbench
