#pragma once

#include <filesystem>
#include <vector>

namespace lensbench::grading {

/// Models of a folder: itself, or its folders with a truth, by name. \throws InputError if none is
std::vector<std::filesystem::path> planted_folders(const std::filesystem::path& folder);

}  // namespace lensbench::grading
