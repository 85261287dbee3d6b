#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "archive/run/run_plan.hpp"

namespace lensbench {

/// Directory that now holds the files of an archive's model. It is `recorded` if that has files of
/// those names and sizes; else the first sibling folder, or snapshot in the local hub cache, whose
/// files have the recorded SHA-256.
std::optional<std::filesystem::path> find_model(const std::vector<FileRecord>& files,
                                                const std::filesystem::path& recorded);

}  // namespace lensbench
