#pragma once

#include <sys/types.h>

#include <filesystem>
#include <set>

#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Permissions that are accepted for the file of a plug-in and the folders of its path.
struct PathTrust {
  std::set<uid_t> owners;      ///< accepted owners of the file and of every folder
  mode_t writable = 0;         ///< accepted bits of mode 022 (writable by group, by others)
  std::filesystem::path from;  ///< folders down to this one are not checked; empty: check all
  bool anything = false;       ///< true if the user disabled the checks
};

/// Accepts files and folders, up to the root of the file system, that belong to root or the user
/// and that others cannot write.
PathTrust strict_trust();

/// Accepts the plug-ins installed with `library` (liblensbench.so) if they have its owner and the
/// write permissions of its folder: who can change the library does not need a plug-in to run code.
PathTrust installation_trust(const std::filesystem::path& library);

/// An open file whose path and permissions were checked.
struct CheckedFile {
  std::filesystem::path path;  ///< real path, without symbolic links
  FileDescriptor descriptor;   ///< open for reading
};

/// Opens a regular file by its real path, component by component, so that the checked file is the
/// one that is read. A sticky folder in the path, such as /tmp, is accepted: others can change only
/// their own files in it.
/// \throws PluginError(insecure | not_found | not_loadable) with what to do
CheckedFile open_checked(const std::filesystem::path& file, const PathTrust& trust);

/// Checks a folder in which plug-ins are searched, which must not be writable for others even if it
/// is sticky. \return its real path
std::filesystem::path check_folder(const std::filesystem::path& folder, const PathTrust& trust);

}  // namespace lensbench
