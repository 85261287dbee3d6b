#pragma once

#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "cli/commands/run_arguments.hpp"

namespace lensbench::cli {

/// Cases from the command line, in this order: `--prompt` texts (`prompt-1`, …), `--raw-prompt`
/// texts (`raw-prompt-1`, …), `--ids` (`ids-1`, …), lines of `--prompts` (`line-1`, … unless a
/// JSONL line has `id`). Pictures of `--image` belong to all texts that do not have pictures of
/// their own. \throws UsageError for an empty prompt, for ids that are not numbers, or two cases
/// with one id
std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                  const std::vector<std::string>& ids, const std::string& file,
                                  const PictureArguments& pictures = {});

/// Cases of `run` and `tool`, and the files that they were read from.
struct GivenCases {
  std::vector<CaseInput> cases;
  std::vector<FileRecord> inputs;
  std::vector<std::string> left_out;  ///< names in a folder of pictures that are not pictures
};

/// \throws UsageError under the conditions of `read_cases`, and for options that contradict
///   `--images`; InputError for files that cannot be read
GivenCases given_cases(const std::vector<std::string>& prompts, const std::vector<std::string>& ids,
                       const std::string& file, const PictureArguments& pictures);
/// Sentence about `left_out`; empty if nothing was.
std::string note_on_left_out(const GivenCases& given);

/// The given cases, or one without a prompt for a run that does not read prompts.
/// \throws UsageError if none is given to a run that reads prompts
std::vector<CaseInput> required_cases(std::vector<CaseInput> given, bool reads_prompts);

}  // namespace lensbench::cli
