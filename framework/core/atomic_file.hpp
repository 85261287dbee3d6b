#pragma once

#include <cstddef>
#include <filesystem>
#include <lensbench/export.hpp>
#include <span>
#include <string_view>

namespace lensbench {

/// Writes a file so that, whatever happens, its name holds either nothing new or all of `bytes`:
/// a temporary file, `fsync`, `rename`, `fsync` of the folder. When this returns, the bytes survive
/// a power cut. On failure the temporary file is removed.
/// \param temporary_folder  on the same file system; empty: beside `path`
/// \throws RunError naming the file and what the system said
LENSBENCH_API void write_file_atomically(const std::filesystem::path& path,
                                         std::span<const std::byte> bytes,
                                         const std::filesystem::path& temporary_folder = {});
LENSBENCH_API void write_file_atomically(const std::filesystem::path& path, std::string_view bytes,
                                         const std::filesystem::path& temporary_folder = {});

/// Renames a finished file to its final name and makes the new name survive a power cut.
/// \throws RunError
LENSBENCH_API void publish_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes the entries of a folder survive a power cut. \throws RunError
LENSBENCH_API void sync_folder(const std::filesystem::path& folder);

}  // namespace lensbench
