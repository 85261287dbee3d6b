#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "core/files/file_descriptor.hpp"
#include "plugin/elf_image.hpp"
#include "plugin/sealed_file.hpp"

namespace lensbench {

/// Names of the library or program with this code, and of the libraries that it needs. They are in
/// the process before any plug-in, and their symbols are global.
const std::set<std::string>& own_libraries();

/// Copy in memory of a plug-in that does not ask for some of the libraries that it needs, except
/// for those of which it needs versions of symbols. Everything else of it is equal.
/// \param names  names of libraries that are in the process already
FileDescriptor copy_without(const std::set<std::string>& names, const SealedFile& file,
                            const ElfImage& image, const std::filesystem::path& path);

}  // namespace lensbench
