#pragma once

#include <lensbench/experiment.hpp>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Cases from the command line, in this order: `--prompt` texts (`prompt-1`, …), `--ids` (`ids-1`,
/// …), the lines of `--prompts` (`line-1`, … unless a JSONL line says `id`).
/// \throws UsageError if there is none, for ids that are no numbers, or two cases with one id
LENSBENCH_API std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                                const std::vector<std::string>& ids,
                                                const std::string& file);

}  // namespace lensbench::cli
