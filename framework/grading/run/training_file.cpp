#include "grading/run/training_file.hpp"

#include <algorithm>
#include <cstdint>
#include <lensbench/random.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/files/atomic_file.hpp"
#include "core/files/sha256.hpp"

namespace lensbench::grading {
namespace {

constexpr MissingTraining kTrainings[] = {
    {"examples",
     "no training prompts: the claim presence is graded where the labels of a task's training "
     "prompts say a variable, and this task has none"},
    {"text",
     "no training prompts: the claims feature.direction and feature.activation are graded where a "
     "model has features, and prompts from which they can be learned, which this one lacks"}};

nlohmann::json training_line(const TrainingPrompt& prompt) {
  nlohmann::json line = {{"ids", prompt.ids}};
  if (prompt.label) line["label"] = *prompt.label;
  if (prompt.position) line["position"] = *prompt.position;
  return line;
}

const ParameterInfo* file_parameter(const std::vector<ParameterInfo>& declared,
                                    std::string_view name) {
  const auto found = std::find_if(declared.begin(), declared.end(), [&](const ParameterInfo& one) {
    return one.type == ParameterType::file && one.name == name;
  });
  return found == declared.end() ? nullptr : &*found;
}

std::filesystem::path prompts_file(const std::filesystem::path& folder,
                                   const std::vector<TrainingPrompt>& prompts) {
  if (folder.empty() || prompts.empty()) return {};
  std::string text;
  for (const TrainingPrompt& prompt : prompts) text += training_line(prompt).dump() + "\n";
  // Names of tasks are any text, so that the content names the file.
  const std::filesystem::path file = folder / ("train-" + sha256_hex(text) + ".jsonl");
  // Two models of one kind and seed have equal prompts, and may be asked about at a time.
  static std::mutex writing;
  const std::lock_guard lock(writing);
  if (!std::filesystem::exists(file)) write_file_atomically(file, text);
  return file;
}

/// The prompts of a task but those whose number has the given remainder.
std::vector<TrainingPrompt> own_prompts(const Task& task, std::size_t folds, std::size_t left_out) {
  std::vector<TrainingPrompt> prompts;
  for (std::size_t i = 0; i < task.prompts.size(); ++i)
    if (i % folds != left_out) prompts.push_back({task.prompts[i].ids, {}, {}});
  return prompts;
}

/// The prompts with the labels of others (Fisher and Yates); none where they have no labels.
std::vector<TrainingPrompt> with_permuted_labels(std::vector<TrainingPrompt> prompts) {
  constexpr std::uint64_t kLabelStream = 1907;
  if (prompts.empty() || !prompts.front().label) return {};
  Philox random(0, kLabelStream);
  for (std::size_t i = prompts.size(); i-- > 1;)
    std::swap(prompts[i].label, prompts[random.below(i + 1)].label);
  return prompts;
}

}  // namespace

const ParameterInfo* training_parameter(const std::vector<ParameterInfo>& declared,
                                        const Task& task) {
  if (task.train.empty()) return nullptr;
  return file_parameter(declared, task.train.front().label ? "examples" : "text");
}

std::filesystem::path training_file(const std::filesystem::path& folder, const Task& task) {
  return prompts_file(folder, task.train);
}

std::size_t fold_count(const Truth& truth, const Task& task) {
  constexpr std::size_t kFolds = 4;
  if (!truth.features || !task.train.empty() || task.prompts.size() < 2) return 0;
  return std::min(kFolds, task.prompts.size());
}

TrainingFiles training_files(const std::filesystem::path& folder, const Truth& truth,
                             const Task& task) {
  TrainingFiles files{training_file(folder, task)};
  const std::size_t folds = folder.empty() ? 0 : fold_count(truth, task);
  for (std::size_t fold = 0; fold < folds; ++fold)
    files.folds.push_back(prompts_file(folder, own_prompts(task, folds, fold)));
  files.permuted = prompts_file(folder, with_permuted_labels(task.train));
  files.own = prompts_file(folder, own_prompts(task, 1, 1));
  return files;
}

GivenTraining given_training(const std::vector<ParameterInfo>& declared, const Task& task,
                             const TrainingFiles& files, std::size_t prompt) {
  if (!files.train.empty()) return {training_parameter(declared, task), files.train};
  if (files.folds.empty()) return {};
  return {file_parameter(declared, "text"), files.folds[prompt % files.folds.size()]};
}

std::vector<MissingTraining> missing_training(const std::vector<ParameterInfo>& declared,
                                              const Settings& settings) {
  std::vector<MissingTraining> missing;
  for (const MissingTraining& one : kTrainings)
    if (file_parameter(declared, one.parameter) != nullptr && !settings.contains(one.parameter))
      missing.push_back(one);
  return missing;
}

bool learns_from_files(const std::vector<ParameterInfo>& declared) {
  return !missing_training(declared, {}).empty();
}

bool learns_from_text(const std::vector<ParameterInfo>& declared, const Settings& settings) {
  return file_parameter(declared, "text") != nullptr && !settings.contains("text");
}

}  // namespace lensbench::grading
