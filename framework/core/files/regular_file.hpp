#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace lensbench {

/// Bytes of a regular file. A FIFO or device is refused without waiting for it.
/// \param path        file to read
/// \param most_bytes  largest size that is accepted
/// \param advice      what to do about a file that cannot be read, for the message; may be empty
/// \throws InputError if the file is missing, unreadable, too large or not a regular file
std::string read_regular_file(const std::filesystem::path& path, std::uint64_t most_bytes,
                              const std::string& advice = "");

}  // namespace lensbench
