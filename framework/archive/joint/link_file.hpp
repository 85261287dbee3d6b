#pragma once

#include <filesystem>

namespace lensbench {

/// Gives a file that is complete and synced a second name, unless another file has that name: of
/// several processes that do it, one succeeds. The name survives a power cut after the return.
/// \return false if another file has the name \throws RunError
bool link_new_name(const std::filesystem::path& file, const std::filesystem::path& name);

}  // namespace lensbench
