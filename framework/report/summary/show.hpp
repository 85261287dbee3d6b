#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// An archive for a reader: what was asked, of which model, which cases ran, receipts with the
/// failed ones first, digests, and each group of results with its variables, dimensions and units.
/// \throws InputError
LENSBENCH_API std::string describe_archive(const std::filesystem::path& path);

/// The same facts for a script.
LENSBENCH_API nlohmann::json describe_archive_json(const std::filesystem::path& path);

}  // namespace lensbench
