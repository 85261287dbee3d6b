#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "grading/exact/exact_forward.hpp"
#include "grading/truth/component_name.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// The prompts of a task with their clean and corrupted runs.
struct ExactTask {
  const ExactModel& model;
  at::Tensor ids, corrupted_ids;         ///< [prompt, pos]
  at::Tensor positions, answers, foils;  ///< [prompt]
  ExactRun clean, corrupted;
  at::Tensor clean_metric, corrupted_metric;  ///< [prompt]

  double gap() const;
};

/// Runs both prompts of every pair. The task refers to the model, which must outlive it.
/// \param name  of the task, for messages
/// \throws InputError if the prompts of the task differ in length, or a pair lacks the corrupted
///   prompt, the answer, the foil or the position
ExactTask run_task(const ExactModel& model, const std::vector<PromptPair>& prompts,
                   const std::string& name);

/// logit(answer) - logit(foil) [prompt].
at::Tensor metric_of(const ExactTask& task, const at::Tensor& logits);

/// Output of a component at all positions [prompt, pos, d_model]: that of a head or of the heads of
/// a block without the output bias, that of an MLP with its bias.
at::Tensor output_of(const ExactRun& run, const ComponentPlace& place);

/// Changes that give a component an output, which is expanded to [prompt, pos, d_model].
Changes with_output(const ComponentPlace& place, const at::Tensor& output);

/// Rows of numbers, from [row, column].
Table to_table(const at::Tensor& values);
/// Numbers from [column].
std::vector<double> to_numbers(const at::Tensor& values);

}  // namespace lensbench::grading
