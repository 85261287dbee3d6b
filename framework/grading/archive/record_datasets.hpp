#pragma once

#include <cstddef>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <optional>
#include <string>

#include "grading/run/task_record.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// The datasets that an archive keeps of a task's record, by name: `tools` (what became of each
/// tool with its settings), `claims` (what each of them claims, with two controls), and
/// `items_TOOL` (each item of these claims, and what is true). Their rows are on the axis
/// `case`. \param prompts  length of the axis `prompt`, which all tasks of a run share; the prompts
/// that a
///   task does not have are NaN
std::map<std::string, Dataset> datasets_of(const TaskRecord& record, const Truth& truth,
                                           const Task& task, std::size_t prompts);

/// Inverse of `datasets_of`, without the truth and the seconds.
/// \param read  a dataset by its name; empty if the task does not have it
TaskRecord record_of(const std::function<std::optional<Dataset>(const std::string&)>& read,
                     const Task& task);

}  // namespace lensbench::grading
