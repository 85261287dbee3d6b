#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string_view>

namespace lensbench {

/// Writes a file atomically: after a crash at any moment, `path` is either unchanged or has all of
/// `bytes`. Steps: a temporary file, `fsync`, `rename`, `fsync` of the folder. After the return,
/// the bytes survive a power cut. On failure the temporary file is removed.
/// \param temporary_folder  on the same file system; empty: the folder of `path`
/// \throws RunError with the name of the file and the system's error text
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes,
                           const std::filesystem::path& temporary_folder = {});
/// Atomic write of the concatenation of several parts.
void write_parts_atomically(const std::filesystem::path& path,
                            std::initializer_list<std::span<const std::byte>> parts,
                            const std::filesystem::path& temporary_folder = {});
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes,
                           const std::filesystem::path& temporary_folder = {});

/// Atomic write of streamed output, which is never in memory as a whole.
/// \throws also what `write` throws
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(std::ostream&)>& write);

/// Renames a finished file to its final name and makes the new name survive a power cut.
/// \throws RunError
void publish_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Renames a finished file like `publish_file`, but never replaces an existing file.
/// \return false if `to` exists \throws RunError
bool publish_new_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes the entries of a folder survive a power cut. \throws RunError
void sync_folder(const std::filesystem::path& folder);

}  // namespace lensbench
