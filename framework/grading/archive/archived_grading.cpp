#include "grading/archive/archived_grading.hpp"

#include <algorithm>
#include <chrono>
#include <lensbench/error.hpp>

#include "archive/run/run_folder.hpp"
#include "grading/archive/record_datasets.hpp"
#include "grading/archive/scores_dataset.hpp"
#include "grading/run/task_record.hpp"
#include "session/environment.hpp"

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

/// Time for which tasks that are done may remain unsafe.
constexpr double kCommitEvery = 1;

std::size_t most_prompts(const Grading& grading) {
  std::size_t most = 0;
  for (const TaskPlace& place : grading.tasks())
    most = std::max(most, grading.models()[place.model].truth.tasks[place.task].prompts.size());
  return most;
}

/// Keeps the records of tasks in the folder of a run.
class ArchiveStore final : public RecordStore {
 public:
  ArchiveStore(RunWriter& writer, const Grading& grading, fs::path out, std::string started)
      : writer_(writer),
        grading_(grading),
        out_(std::move(out)),
        started_(std::move(started)),
        prompts_(most_prompts(grading)) {
    for (const std::int64_t index : writer.done()) done_.push_back(static_cast<std::size_t>(index));
  }

  std::optional<TaskRecord> find(std::size_t task) override {
    if (!std::binary_search(done_.begin(), done_.end(), task)) return std::nullopt;
    const auto index = static_cast<std::int64_t>(task);
    const auto names = writer_.names(index);
    return record_of(
        [&](const std::string& name) -> std::optional<Dataset> {
          if (std::find(names.begin(), names.end(), name) == names.end()) return std::nullopt;
          return writer_.read(index, name);
        },
        this->task(task));
  }

  void keep(std::size_t task, const TaskRecord& record) override {
    CaseCosts costs;
    for (const ToolRecord& one : record) {
      if (!(one.seconds >= 0)) continue;
      Cost& cost = costs.tools[one.tool];
      cost.seconds += one.seconds;
      cost.calls += static_cast<std::int64_t>(one.answered + one.failed);
      costs.whole.seconds += one.seconds;
    }
    costs.session = started_;
    writer_.commit(static_cast<std::int64_t>(task),
                   datasets_of(record, model(task).truth, this->task(task), prompts_), costs);
  }

  void note(const std::string& now) override { writer_.note(now); }
  std::string advice() const override {
    return "; every finished task is safe in " + run_folder_of(out_).string() +
           "; run the command again with --resume";
  }

 private:
  const GradedModel& model(std::size_t task) const {
    return grading_.models()[grading_.tasks()[task].model];
  }
  const Task& task(std::size_t task) const {
    return model(task).truth.tasks[grading_.tasks()[task].task];
  }

  RunWriter& writer_;
  const Grading& grading_;
  fs::path out_;
  std::string started_;
  std::size_t prompts_;
  std::vector<std::size_t> done_;  ///< tasks of an earlier process, in order
};

nlohmann::json run_facts(const std::string& started, const std::vector<std::string>& argv,
                         const GradeRequest& request, const Grades& grades) {
  std::error_code error;
  nlohmann::json seconds = nlohmann::json::object(), folders = nlohmann::json::array();
  for (const Entry& entry : grades.entries)
    if (entry.seconds_per_prompt >= 0) seconds[entry.tool] = entry.seconds_per_prompt;
  if (request.planted.empty())
    for (const GradedModel& model : grades.models)
      folders.push_back(fs::absolute(model.folder, error).string());
  return {{"started", started},
          {"ended", utc_now()},
          {"host", host_name()},
          {"arguments", argv},
          {"working_directory", fs::current_path(error).string()},
          {"model_directories", std::move(folders)},
          {"plugin_directories", request.plugins.dirs},
          {"place_variables", place_variables()},
          {"seconds_per_prompt", std::move(seconds)}};
}

}  // namespace

ArchivedGrades archive_grades(Grading& grading, const RunPlan& plan, const GradeRequest& request,
                              const fs::path& out, bool resume,
                              const std::vector<std::string>& argv) {
  const std::string started = utc_now();
  RunWriter writer =
      RunWriter::start(out, plan, resume, {std::chrono::duration<double>(kCommitEvery)});
  std::error_code error;
  writer.keep_command({{"command", "grade"},
                       {"arguments", argv},
                       {"working_directory", fs::current_path(error).string()}});
  if (const std::string& last = writer.crashed_in(); !last.empty())
    grading.listener().warn(
        "the process that worked on this grading before ended without notice in " + last);
  ArchiveStore store(writer, grading, out, started);
  ArchivedGrades result;
  try {
    result.grades = grading.run(store);
  } catch (...) {
    writer.make_safe();
    throw;
  }
  writer.make_safe();
  result.sealed = writer.seal(summaries_of(result.grades, request), {}, {}, environment_facts(),
                              run_facts(started, argv, request, result.grades));
  return result;
}

}  // namespace lensbench::grading
