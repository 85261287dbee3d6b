#pragma once

#include <filesystem>
#include <lensbench/parameters.hpp>
#include <string>
#include <vector>

#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Parameter of a tool to which the file with the training prompts of a task is given: a file
/// called `examples` where they have labels, `text` where they have none. Null: the tool has no
/// such parameter.
const ParameterInfo* training_parameter(const std::vector<ParameterInfo>& declared,
                                        const Task& task);

/// The training prompts of a task as lines of JSON with ids, label and position, written once.
/// \param folder  an existing folder; with an empty path no file is written
/// \return an empty path where the task has no training prompts
/// \throws RunError if writing fails
std::filesystem::path training_file(const std::filesystem::path& folder, const Task& task);

}  // namespace lensbench::grading
