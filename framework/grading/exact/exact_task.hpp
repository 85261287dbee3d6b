#pragma once

#include <ATen/core/Tensor.h>

#include <string>
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

  /// Mean of m(clean) - m(corrupted).
  double gap() const;
};

/// Runs both prompts of every pair. The task refers to the model, which must outlive it.
/// \param name  of the task, for messages
/// \throws InputError if the prompts of the task differ in length, or a pair lacks the corrupted
///   prompt, the answer, the foil or the position
ExactTask run_task(const ExactModel& model, const std::vector<PromptPair>& prompts,
                   const std::string& name);

/// logit(answer) - logit(foil) [prompt] of logits [prompt, vocab].
at::Tensor metric_of(const ExactTask& task, const at::Tensor& logits);

/// Metric [variant, prompt] of streams [variant, prompt, pos, d_model] from a start on, with the
/// difference that one reader sees, if there is one.
at::Tensor metric_from(const ExactTask& task, const Start& start, const at::Tensor& streams,
                       const Reader& reader = {}, const at::Tensor& difference = {});

/// Output of a component at all positions [prompt, pos, d_model]: that of a head or of the heads of
/// a block without the output bias, that of an MLP with its bias.
at::Tensor output_of(const ExactRun& run, const ComponentPlace& place);

/// Where everything that reads a component's output begins.
Start start_after(const ComponentPlace& place);
/// The stream of a run there [prompt, pos, d_model].
const at::Tensor& stream_at(const ExactRun& run, const Start& start);

/// Rows of numbers, from [row, column].
Table to_table(const at::Tensor& values);
/// Numbers from [column].
std::vector<double> to_numbers(const at::Tensor& values);

}  // namespace lensbench::grading
