#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <vector>

namespace lensbench {

/// Reads one prompt per line, or JSONL (`{"text": …}` or `{"ids": […]}`, `id` and other fields) if
/// the file ends in `.jsonl` or `.ndjson`. Empty lines are skipped.
/// \throws InputError that names file and line, also for text that is not UTF-8, a byte order mark,
///   a Git LFS pointer, and the endings `.json`, `.csv` and `.tsv`
std::vector<CaseInput> read_prompt_file(const std::filesystem::path& path);

/// The case `weights` of a run that does not read prompts.
CaseInput case_without_prompt();

}  // namespace lensbench
