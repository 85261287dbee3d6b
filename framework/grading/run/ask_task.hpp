#pragma once

#include <lensbench/model.hpp>
#include <memory>
#include <string>

#include "grading/gauge/turned_checkpoint.hpp"
#include "grading/run/candidates.hpp"
#include "grading/run/grade.hpp"
#include "grading/run/task_record.hpp"

namespace lensbench::grading {

/// A model with its controls; null where a control was not asked for.
struct OpenModel {
  std::shared_ptr<const Model> planted, shuffled, turned;
  HeadNames turned_heads;
};

/// \param scratch  folder for the model of the control gauge, which need not exist
OpenModel open_model(const GradeRequest& request, const GradedModel& model,
                     const std::filesystem::path& scratch);

/// Asks one tool about the prompts of a task, on the model and its controls.
/// \param is_new  the tool has not answered before, so that one prompt shows whether it claims
///   anything
ToolRecord ask_tool(const PluginHost& host, const GradeRequest& request, const Candidate& candidate,
                    const OpenModel& model, const GradedModel& planted, const Task& task,
                    bool is_new);

}  // namespace lensbench::grading
