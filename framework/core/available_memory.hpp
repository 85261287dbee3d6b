#pragma once

#include <filesystem>

namespace lensbench {

/// Memory that this process can use without swapping, in bytes, as the system estimates it and the
/// control groups of the process (containers, batch systems) allow; infinity if the system does not
/// report it. \param system  root of the file system; another one in tests
double available_memory(const std::filesystem::path& system = "/");

}  // namespace lensbench
