#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Cases from the command line, in this order: `--prompt` texts (`prompt-1`, …), `--ids` (`ids-1`,
/// …), the lines of `--prompts` (`line-1`, … unless a JSONL line says `id`).
/// \throws UsageError if there is none, for ids that are no numbers, or two cases with one id
std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                  const std::vector<std::string>& ids, const std::string& file);

/// One prompt a line, or JSONL (`{"text": …}` or `{"ids": […]}`, with `id` and other fields) if the
/// file ends in `.jsonl`. Empty lines are passed over.
/// \throws InputError naming file and line
std::vector<CaseInput> read_prompt_file(const std::filesystem::path& path);

}  // namespace lensbench::cli
