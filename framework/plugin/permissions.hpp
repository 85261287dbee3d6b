#pragma once

#include <sys/types.h>

#include <filesystem>
#include <set>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Who may own and write what a plug-in is read from.
struct PlaceTrust {
  std::set<uid_t> owners;      ///< of the file and every folder above it
  mode_t writable = 0;         ///< bits of 022 that do no harm
  std::filesystem::path from;  ///< folders down to this one are taken as they are; empty: none
  bool anything = false;       ///< no check at all: the user said so
};

/// Root and the user, nothing that others can write, up to the root of the file system.
PlaceTrust strict_trust();

/// For the folder installed beside `anchor` (liblensbench.so): who can change that one needs no
/// plug-in, so its own owner and its folder's modes are the measure.
PlaceTrust trust_beside(const std::filesystem::path& anchor);

/// A file and the place it was really found at.
struct PlacedFile {
  std::filesystem::path path;  ///< no symbolic link in it
  FileDescriptor descriptor;   ///< for reading
};

/// Opens a regular file by its real path, component by component, so that what was checked is what
/// is read. A sticky folder above it, such as /tmp, is no harm: others can change nothing below it
/// that is not theirs.
/// \throws PluginError(insecure | not_found | not_loadable) saying what to do
PlacedFile open_placed(const std::filesystem::path& file, const PlaceTrust& trust);

/// The same check of a folder that plug-ins are looked for in; here sticky is not enough.
/// \return its real path
std::filesystem::path check_folder(const std::filesystem::path& folder, const PlaceTrust& trust);

}  // namespace lensbench
