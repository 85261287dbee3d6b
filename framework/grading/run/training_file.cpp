#include "grading/run/training_file.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/files/atomic_file.hpp"
#include "core/files/sha256.hpp"

namespace lensbench::grading {
namespace {

nlohmann::json training_line(const TrainingPrompt& prompt) {
  nlohmann::json line = {{"ids", prompt.ids}};
  if (prompt.label) line["label"] = *prompt.label;
  if (prompt.position) line["position"] = *prompt.position;
  return line;
}

}  // namespace

const ParameterInfo* training_parameter(const std::vector<ParameterInfo>& declared,
                                        const Task& task) {
  if (task.train.empty()) return nullptr;
  const std::string_view name = task.train.front().label ? "examples" : "text";
  const auto found = std::find_if(declared.begin(), declared.end(), [&](const ParameterInfo& one) {
    return one.type == ParameterType::file && one.name == name;
  });
  return found == declared.end() ? nullptr : &*found;
}

std::filesystem::path training_file(const std::filesystem::path& folder, const Task& task) {
  if (folder.empty() || task.train.empty()) return {};
  std::string text;
  for (const TrainingPrompt& prompt : task.train) text += training_line(prompt).dump() + "\n";
  // Names of tasks are any text, so that the content names the file.
  const std::filesystem::path file = folder / ("train-" + sha256_hex(text) + ".jsonl");
  // Two models of one kind and seed have equal prompts, and may be asked about at a time.
  static std::mutex writing;
  const std::lock_guard lock(writing);
  if (!std::filesystem::exists(file)) write_file_atomically(file, text);
  return file;
}

}  // namespace lensbench::grading
