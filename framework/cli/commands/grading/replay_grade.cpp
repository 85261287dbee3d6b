#include "cli/commands/grading/replay_grade.hpp"

#include <lensbench/error.hpp>

#include "cli/commands/grading/grade_listener.hpp"
#include "cli/commands/replay/outcome.hpp"
#include "cli/commands/run_arguments.hpp"
#include "grading/archive/archived_grading.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "grading/run/plant_models.hpp"
#include "grading/run/planted_folders.hpp"
#include "serve/temporary_folder.hpp"
#include "session/process/interrupts.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// The archive decides what is computed, but never from where code is loaded.
grading::GradeRequest request_of(const RecordedRun& recorded, const Options& options) {
  grading::GradeRequest request =
      grading::grade_request(recorded.request, recorded.file + "/recipe/request");
  request.plugins = plugin_search(options);
  const auto threads = recorded.environment.find("threads");
  if (options.given("threads"))
    request.threads = thread_count(options);
  else if (threads != recorded.environment.end() && threads->is_number_integer())
    request.threads = threads->get<std::int64_t>();
  return request;
}

/// Folders of models that were not planted for the run.
std::vector<fs::path> given_models(const RecordedRun& recorded, const std::string& folder) {
  if (!folder.empty()) return grading::planted_folders(folder);
  std::vector<fs::path> folders;
  const auto stored = recorded.run.find("model_directories");
  if (stored != recorded.run.end() && stored->is_array())
    for (const auto& one : *stored)
      if (one.is_string()) folders.emplace_back(one.get<std::string>());
  for (const fs::path& one : folders)
    if (std::error_code error; !fs::exists(one, error))
      throw InputError(recorded.file + ": the planted model is not at " + one.string() +
                       "; name the folder that has all of them with --model");
  if (folders.empty())
    throw InputError(recorded.file +
                     ": it does not say where its planted models were; name the "
                     "folder that has all of them with --model");
  return folders;
}

}  // namespace

int replay_grade(const RecordedRun& recorded, const Options& options) {
  grading::GradeRequest request = request_of(recorded, options);
  catch_interrupts();
  const grading::GradeListener listener = grade_listener(options.flag("quiet"));
  const serve::TemporaryFolder scratch;
  request.scratch = scratch.path();
  if (request.planted.empty())
    request.models = given_models(recorded, options.text("model"));
  else
    grading::plant_models(request, scratch.path(), listener);
  grading::Grading grading(request, listener);
  const RunPlan plan = grading::plan_of(request, grading);
  refuse_other_request(recorded, plan, options.flag("allow-different"));
  const fs::path out =
      options.text("out").empty() ? scratch.path() / "replay.h5" : fs::path(options.text("out"));
  grading::archive_grades(grading, plan, request, out, false, options.arguments());
  return compare_replay(recorded.file, out, options.flag("json"));
}

}  // namespace lensbench::cli
