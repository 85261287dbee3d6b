#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands/actions.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "core/text/suggest.hpp"
#include "grading/output/floors.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/plant/plant.hpp"
#include "grading/run/grade.hpp"
#include "serve/temporary_folder.hpp"
#include "session/interrupts.hpp"

namespace lensbench::cli {
namespace {

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

grading::Controls controls_of(const std::string& list) {
  grading::Controls controls{false, false, false, false, false};
  for (const std::string& name : items_of(list)) {
    if (name == "random")
      controls.random = true;
    else if (name == "shuffled")
      controls.shuffled = true;
    else if (name == "permuted")
      controls.permuted = true;
    else if (name == "null")
      controls.null = true;
    else if (name == "gauge")
      controls.gauge = true;
    else if (name != "none" || list != "none")
      throw UsageError("grade: --controls names '" + name + "'" +
                       suggest(name, {"random", "shuffled", "permuted", "null", "gauge", "none"}));
  }
  return controls;
}

GradeRequest request_of(const Options& options) {
  GradeRequest request;
  if (options.operand(0) != "all") request.tools = {options.operand(0)};
  for (const std::string& folder : options.list("models")) request.models.emplace_back(folder);
  request.plugins = plugin_search(options);
  request.claims = options.text("claims");
  request.controls = controls_of(options.text("controls"));
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

/// Plants every kind with every seed, in a basis that hides the mechanism.
void plant_models(const std::vector<std::int64_t>& seeds, const std::filesystem::path& folder,
                  GradeRequest& request, const grading::GradeListener& listener) {
  for (const std::int64_t seed : seeds)
    for (const grading::PlantKind& kind : grading::plant_kinds()) {
      if (listener.should_stop()) throw RunError("grade: stopped while models were planted");
      grading::PlantRequest plant;
      plant.kind = kind.name;
      plant.seed = seed;
      plant.gauge = grading::Gauge::rotated;
      plant.edges = false;
      const std::filesystem::path place = folder / (kind.name + "-" + std::to_string(seed));
      std::filesystem::create_directory(place);
      grading::plant(plant, place);
      request.models.push_back(place);
    }
}

grading::GradeListener listener_of(bool quiet) {
  grading::GradeListener listener;
  listener.warn = quiet ? quietly : print_warning;
  listener.should_stop = was_interrupted;
  // A counter that is written over itself is for terminals alone.
  if (isatty(STDERR_FILENO) != 0 && !quiet)
    listener.on_task = [](std::size_t done, std::size_t all) {
      std::cerr << "\r" << done << " of " << all << " tasks" << (done == all ? "\n" : "")
                << std::flush;
    };
  return listener;
}

}  // namespace

int run_grade(const Options& options) {
  GradeRequest request = request_of(options);
  if (options.given("models") && options.given("seeds"))
    throw UsageError(
        "grade: --models names models that are there, --seeds plants new ones; give one of the "
        "two");
  const std::vector<std::int64_t> seeds = seeds_of(options);
  std::vector<grading::Floor> floors;
  for (const std::string& text : options.list("floor"))
    floors.push_back(grading::parse_floor(text));
  catch_interrupts();
  const grading::GradeListener listener = listener_of(options.flag("json"));
  const serve::TemporaryFolder scratch;
  request.scratch = scratch.path();
  if (request.models.empty()) plant_models(seeds, scratch.path(), request, listener);
  const grading::Grades grades = grading::grade(request, listener);
  const auto lines = options.flag("json")
                         ? grading::grade_json_lines(grades)
                         : grading::grade_text(grades, request, detect_terminal(STDOUT_FILENO));
  for (const std::string& line : lines) std::cout << line << "\n";
  const auto missed = grading::missed_floors(grades, floors);
  for (const std::string& line : missed) std::cerr << "lensbench: " << line << "\n";
  return missed.empty() ? 0 : 1;
}

}  // namespace lensbench::cli
