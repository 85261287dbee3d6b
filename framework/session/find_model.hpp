#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <optional>
#include <vector>

#include "archive/run/run_plan.hpp"

namespace lensbench {

/// Where the files of an archive's model are now. `recorded` itself if files of those names and
/// sizes are there; else the first folder beside it, or snapshot in the local hub cache, whose
/// files have the recorded SHA-256.
LENSBENCH_API std::optional<std::filesystem::path> find_model(
    const std::vector<FileRecord>& files, const std::filesystem::path& recorded);

}  // namespace lensbench
