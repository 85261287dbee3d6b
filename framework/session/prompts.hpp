#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <lensbench/export.hpp>
#include <vector>

namespace lensbench {

/// One prompt a line, or JSONL (`{"text": …}` or `{"ids": […]}`, with `id` and other fields) if the
/// file ends in `.jsonl`. Empty lines are passed over.
/// \throws InputError naming file and line
LENSBENCH_API std::vector<CaseInput> read_prompt_file(const std::filesystem::path& path);

}  // namespace lensbench
