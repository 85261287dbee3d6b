#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>

#include "archive/archive_reader.hpp"
#include "archive/run/finished_run.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/grading/grade_listener.hpp"
#include "cli/commands/run_arguments.hpp"
#include "core/text/shell_words.hpp"
#include "grading/archive/archived_grading.hpp"
#include "grading/archive/grade_recipe.hpp"
#include "grading/archive/stored_report.hpp"
#include "grading/output/floors.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/output/no_score.hpp"
#include "grading/run/plant_models.hpp"
#include "serve/temporary_folder.hpp"
#include "session/process/interrupts.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using grading::GradeRequest;

std::vector<std::string> items_of(const std::string& list) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

GradeRequest request_of(const Options& options) {
  GradeRequest request;
  if (options.operand(0) != "all") request.tools = {options.operand(0)};
  for (const std::string& folder : options.list("models")) request.models.emplace_back(folder);
  request.plugins = plugin_search(options);
  request.claims = options.text("claims");
  request.controls = grading::controls_of(options.text("controls"));
  for (const std::string& text : options.list("set")) add_setting(request.set, text);
  for (const std::string& text : options.list("bind")) add_setting(request.bind, text);
  if (options.flag("quick")) request.counts = {300, 200, 50};
  request.seed = options.count("seed");
  request.threads = thread_count(options);
  return request;
}

/// Seeds of models to plant: those given, else five, or two with --quick.
std::vector<std::int64_t> seeds_of(const Options& options) {
  std::vector<std::int64_t> seeds;
  const std::string list = options.given("seeds")  ? options.text("seeds")
                           : options.flag("quick") ? "1,2"
                                                   : "1,2,3,4,5";
  for (const std::string& text : items_of(list)) {
    constexpr std::size_t kMostDigits = 18;
    if (text.empty() || text.size() > kMostDigits ||
        text.find_first_not_of("0123456789") != std::string::npos)
      throw UsageError("grade: --seeds has '" + text +
                       "'; expected whole numbers separated by commas, as in 1,2,3");
    seeds.push_back(std::stoll(text));
  }
  return seeds;
}

/// Verified in a child process first, since the file under this name can be anything.
void require_intact_grading(const fs::path& out) {
  ask_child({{out}}, [&] {
    require_intact_run(out);
    return std::string();
  });
}

/// Says what is wrong with a table that was printed. \return the exit code
int say_outcome(const grading::Grades& grades, const std::vector<grading::Floor>& floors) {
  constexpr int kMissed = 1, kNothingScored = 5;
  const auto missed = grading::missed_floors(grades, floors);
  for (const std::string& line : missed) std::cerr << "lensbench: " << line << "\n";
  if (const std::string refusal = grading::refusal_of_all(grades); !refusal.empty()) {
    std::cerr << "lensbench: " << refusal << "\n";
    return kNothingScored;
  }
  return missed.empty() ? 0 : kMissed;
}

void say_archive(const SealResult& sealed) {
  std::cerr << "archive " << sealed.path.string() << "\nresults sha256 " << sealed.digests.results
            << "\n";
}

/// A grading whose archive is complete: only what a killed process left has to be removed.
int say_finished(const fs::path& out, const RunPlan& plan,
                 const std::vector<grading::Floor>& floors) {
  require_intact_grading(out);
  const FinishedRun run = finish_sealed_run(out, plan, Verified::yes);
  const int code = in_child({{out}}, [&] {
    const ArchiveReader archive(out);
    for (const std::string& line : grading::stored_report(archive)) std::cout << line << "\n";
    return say_outcome(grading::stored_scores(archive), floors);
  });
  say_archive(run.sealed);
  std::cerr << "lensbench: the archive was complete, so nothing was graded again\n";
  return code;
}

/// The command that goes on with an interrupted grading.
std::string resume_command(const Options& options) {
  std::string text = "lensbench grade";
  for (const std::string& word : options.arguments()) text += " " + shell_word(word);
  return options.flag("resume") ? text : text + " --resume";
}

grading::Grades archived(grading::Grading& grading, const RunPlan& plan,
                         const GradeRequest& request, const Options& options) {
  const fs::path out = options.text("out");
  const bool resume = options.flag("resume");
  // A folder without an archive is a grading that began under this name.
  if (const fs::path folder = run_folder_of(out); !resume && fs::exists(folder) && !fs::exists(out))
    throw UsageError(folder.string() +
                     ": holds an interrupted run; remove the folder, or go on with it:\n  " +
                     resume_command(options));
  try {
    grading::ArchivedGrades result =
        grading::archive_grades(grading, plan, request, out, resume, options.arguments());
    say_archive(result.sealed);
    return std::move(result.grades);
  } catch (const RunError& error) {
    if (!fs::exists(run_folder_of(out))) throw;
    throw RunError(std::string(error.what()) + "; tasks that are done are safe; go on with:\n  " +
                   resume_command(options));
  }
}

/// Everything that can be wrong with the options alone.
void check_options(const Options& options) {
  for (const std::string option : {"seeds", "kinds", "edges"})
    if (options.given("models") &&
        (option == "edges" ? options.flag(option) : options.given(option)))
      throw UsageError("grade: --models names models that are there, --" + option +
                       " plants new ones; give one of the two");
  if (options.flag("resume") && options.text("out").empty())
    throw UsageError("--resume needs --out FILE, the archive of the grading to resume");
  if (!options.text("out").empty() && !options.flag("resume") && fs::exists(options.text("out")))
    throw UsageError(
        options.text("out") +
        ": exists already and is not overwritten; choose another file or move it away");
}

}  // namespace

int run_grade(const Options& options) {
  check_options(options);
  GradeRequest request = request_of(options);
  const std::vector<std::int64_t> seeds = seeds_of(options);
  std::vector<grading::Floor> floors;
  for (const std::string& text : options.list("floor"))
    floors.push_back(grading::parse_floor(text));
  catch_interrupts();
  const grading::GradeListener listener = grade_listener(options.flag("json"));
  const serve::TemporaryFolder scratch;
  request.scratch = scratch.path();
  if (request.models.empty()) {
    const auto kinds =
        options.given("kinds") ? items_of(options.text("kinds")) : std::vector<std::string>();
    request.planted = grading::planted_kinds(kinds, seeds);
    constexpr std::int64_t kQuickPrompts = 4;
    for (grading::PlantRequest& plant : request.planted) {
      if (options.flag("quick")) plant.prompts = kQuickPrompts;
      plant.edges = options.flag("edges");
    }
    grading::plant_models(request, scratch.path(), listener);
  }
  grading::Grades grades;
  if (options.text("out").empty()) {
    grades = grading::grade(request, listener);
  } else {
    grading::Grading grading(request, listener);
    const RunPlan plan = grading::plan_of(request, grading);
    // The process was killed between sealing and cleaning up: only the latter is left.
    if (options.flag("resume") && fs::exists(options.text("out"))) {
      if (options.flag("json"))
        throw UsageError(
            options.text("out") +
            ": the archive is complete; leave --json and --resume out, and read it with "
            "lensbench export");
      return say_finished(options.text("out"), plan, floors);
    }
    grades = archived(grading, plan, request, options);
  }
  const auto lines = options.flag("json")
                         ? grading::grade_json_lines(grades)
                         : grading::grade_text(grades, request, detect_terminal(STDOUT_FILENO));
  for (const std::string& line : lines) std::cout << line << "\n";
  return say_outcome(grades, floors);
}

}  // namespace lensbench::cli
