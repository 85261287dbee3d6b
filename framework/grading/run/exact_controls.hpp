#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "grading/gauge/turned_checkpoint.hpp"
#include "grading/run/tool_answers.hpp"

namespace lensbench::grading {

/// A claim by its name, and whether it is about places of the stream, with a number.
using NumberOfClaim = std::map<std::pair<std::string, bool>, double>;

/// Control `null`: the largest claim, in units of the gap, of an effect of the corrupted prompt
/// where that prompt is the clean one, so that every effect is 0. Claims that need no corrupted
/// prompt are left out, and so are tools that refuse equal prompts.
NumberOfClaim null_claims(const Question& question, double gap);

/// Control `gauge`: the largest difference between what a tool claims of a model and of the same
/// model in another basis. Effects are in units of the gap, or of the largest claim if they have
/// any scale; probabilities, ranks and shares are differences. \param answers  what the tool claims
/// of the model itself \param turned   the model in the other basis \param heads    the names of
/// its heads in the model itself
NumberOfClaim gauge_changes(const Question& question, const ToolAnswers& answers,
                            const std::shared_ptr<const Model>& turned, const HeadNames& heads,
                            double gap);

}  // namespace lensbench::grading
