#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/parameters.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grading/plant/plant.hpp"
#include "grading/scores/entry.hpp"
#include "grading/truth/truth.hpp"
#include "session/plugin_search.hpp"

namespace lensbench::grading {

/// What to grade, on which models.
struct GradeRequest {
  std::vector<std::string> tools;             ///< names; empty: all
  std::vector<std::filesystem::path> models;  ///< folders with a truth, or folders of such folders
  /// How `models` were made, in their order; empty: they were given.
  std::vector<PlantRequest> planted;
  PluginSearch plugins;
  std::string claims = "*";                 ///< glob of the claims to score
  Settings set;                             ///< parameters of every tool that declares them
  std::map<std::string, std::string> bind;  ///< parameter -> field of a prompt
  Controls controls;
  ControlCounts counts;
  std::int64_t threads = 0;
  /// Models that are asked about at a time, on which no result depends; 0: as many as threads.
  std::int64_t workers = 0;
  std::uint64_t seed = 0;
  /// Folder for the models of the control gauge; it exists.
  std::filesystem::path scratch;
};

/// A model and its tasks.
struct GradedModel {
  std::filesystem::path folder;
  Truth truth;
  std::string label;  ///< name of the folder, with a number where several have it
};

/// A task of a model, in the order in which entries count them.
struct TaskPlace {
  std::size_t model = 0, task = 0;
};

/// A tool with settings that has no score, or not on all models, with the reason.
struct Unscored {
  /// `no_truth`: no model has a truth for its claims, or they were not asked for.
  enum class Why { no_claim, refused, later, no_truth };
  std::string tool, settings;
  Why why = Why::no_claim;
  std::string reason;      ///< sentence of a refusal
  std::size_t models = 0;  ///< models of which it refused every task
  std::size_t tasks = 0;   ///< refused tasks of models with an answer to another task
};

struct Grades {
  std::vector<GradedModel> models;
  std::vector<TaskPlace> tasks;
  std::vector<Entry> entries;
  std::vector<Unscored> unscored;
};

/// Receives messages and progress, and is asked whether to stop. Any thread may call it, but only
/// one at a time.
struct GradeListener {
  Warn warn = [](const std::string&) {};
  std::function<void(std::size_t done, std::size_t all)> on_task = [](std::size_t, std::size_t) {};
  std::function<bool()> should_stop = [] { return false; };
};

class RecordStore;

/// A grading from its request on. Everything that can be wrong with the request is found by the
/// constructor.
class Grading {
 public:
  /// \throws InputError for a folder without a truth or with a wrong one; PluginError for an
  /// unknown
  ///   tool; UsageError for settings that no tool has
  /// \param request, listener  must outlive this object
  Grading(const GradeRequest& request, const GradeListener& listener);
  ~Grading();
  Grading(const Grading&) = delete;
  Grading& operator=(const Grading&) = delete;

  const PluginHost& host() const;
  const GradeListener& listener() const;
  /// The graded tools, in order, each once.
  std::vector<const PluginInfo*> tools() const;
  const std::vector<GradedModel>& models() const;
  const std::vector<TaskPlace>& tasks() const;

  /// Asks the tools about all tasks whose record the store does not have, and scores their claims.
  /// \throws RunError if it was stopped, after whole tasks were kept
  Grades run(RecordStore& store);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Runs the tools on all tasks and scores their claims.
/// \throws InputError for a folder without a truth or with a wrong one; PluginError for an unknown
///   tool; UsageError for settings that no tool has; RunError if it was stopped
Grades grade(const GradeRequest& request, const GradeListener& listener);

}  // namespace lensbench::grading
