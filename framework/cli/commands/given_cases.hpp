#pragma once

#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Cases from the command line, in this order: `--prompt` texts (`prompt-1`, …), `--ids` (`ids-1`,
/// …), lines of `--prompts` (`line-1`, … unless a JSONL line has `id`).
/// \throws UsageError for an empty prompt, for ids that are not numbers, or two cases with one id
std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                  const std::vector<std::string>& ids, const std::string& file);

/// The given cases, or one without a prompt for a run that does not read prompts.
/// \throws UsageError if none is given to a run that reads prompts
std::vector<CaseInput> required_cases(std::vector<CaseInput> given, bool reads_prompts);

}  // namespace lensbench::cli
