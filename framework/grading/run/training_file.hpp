#pragma once

#include <cstddef>
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

/// Files that a tool is trained on.
struct TrainingFiles {
  std::filesystem::path train = {};  ///< training prompts of the task; empty: it has none
  std::vector<std::filesystem::path> folds = {};  ///< see `fold_count`; one a fold, without its own
  std::filesystem::path permuted = {};  ///< `train` with its labels exchanged among prompts
  std::filesystem::path own = {};       ///< all prompts of the task, which none is trained on
};

/// Folds of a task without training prompts, of a model with features: a tool that is asked about a
/// prompt is trained on those of the other folds. 0: it has training prompts, or there is nothing
/// to learn from its own.
std::size_t fold_count(const Truth& truth, const Task& task);

/// Whether a tool has a parameter for such a file.
bool learns_from_files(const std::vector<ParameterInfo>& declared);

/// Writes the files of a task. \param folder  see `training_file`
TrainingFiles training_files(const std::filesystem::path& folder, const Truth& truth,
                             const Task& task);

/// Parameter and file on which a tool is trained before it is asked about a prompt; null: none.
struct GivenTraining {
  const ParameterInfo* parameter = nullptr;
  std::filesystem::path file = {};
};
GivenTraining given_training(const std::vector<ParameterInfo>& declared, const Task& task,
                             const TrainingFiles& files, std::size_t prompt);

/// A parameter that a tool may lack a file for.
struct MissingTraining {
  const char* parameter;
  const char* sentence;  ///< names the claims, and what the truth does not have
};
/// Those that a tool declares, and that its settings do not have.
std::vector<MissingTraining> missing_training(const std::vector<ParameterInfo>& declared,
                                              const Settings& settings);

/// Whether a tool is trained on a text, which its settings leave to the task.
bool learns_from_text(const std::vector<ParameterInfo>& declared, const Settings& settings);

}  // namespace lensbench::grading
