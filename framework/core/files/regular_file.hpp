#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace lensbench {

/// Bytes of a regular file. A FIFO or device is refused without waiting for it, and so is a Git LFS
/// pointer in place of the file.
/// \param path        file to read
/// \param most_bytes  largest size that is accepted
/// \param advice      what to do about a file that cannot be read, for the message; may be empty
/// \throws InputError if the file is missing, unreadable, too large or not a regular file
std::string read_regular_file(const std::filesystem::path& path, std::uint64_t most_bytes,
                              const std::string& advice = "");

/// Refuses a Git LFS pointer in place of a file, of which only the beginning is read. A file that
/// is missing, unreadable or not a regular one passes. \throws InputError
void refuse_lfs_pointer_file(const std::filesystem::path& path);

}  // namespace lensbench
