#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Describes an archive for users: request, model, cases, receipts with failed ones first, digests,
/// and each group of results with its variables, dimensions and units.
/// \throws InputError
std::string describe_archive(const std::filesystem::path& path);

/// Describes an archive for scripts.
nlohmann::json describe_archive_json(const std::filesystem::path& path);

}  // namespace lensbench
