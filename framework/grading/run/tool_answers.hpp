#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/parameters.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grading/claims/claimed_items.hpp"
#include "grading/run/training_file.hpp"
#include "grading/truth/truth.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::grading {

/// A tool with settings, and a model that it is asked about.
struct Question {
  const PluginHost& host;
  const PluginInfo& tool;
  const Settings& settings;
  const std::map<std::string, std::string>& bind;
  std::shared_ptr<const Model> model;
  const Task& task;
  std::uint64_t seed = 0;
  TrainingFiles training = {};  ///< files with prompts to train on
};

/// A claim with the items of all prompts; those of a prompt that failed are empty.
struct ClaimedTask {
  bool of_stream = false;
  std::vector<ItemValues> prompts;
  std::string contradiction;  ///< two variables differ about an item; empty: none does
};

/// What a tool answered about the prompts of a task.
struct ToolAnswers {
  std::map<std::pair<std::string, bool>, ClaimedTask> claims;  ///< by name, and `of_stream`
  std::vector<std::string> later;                              ///< claims that are not graded yet
  std::string refusal;  ///< why the tool did not run at all; empty if it did
  std::map<std::size_t, std::string> failures;  ///< prompts on which it failed, with the reason
  std::size_t answered = 0;                     ///< prompts with a result
  double seconds = 0;                           ///< time for all prompts
};

/// Asks a tool about every prompt of a task, or the first `most` of them.
/// \param gap  unit of the tolerance within which two variables must agree
ToolAnswers ask(const Question& question, std::size_t most, double gap);

}  // namespace lensbench::grading
