#include <unistd.h>

#include <cmath>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands/actions.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "core/text/suggest.hpp"
#include "grading/output/floors.hpp"
#include "grading/output/grade_text.hpp"
#include "grading/run/grade.hpp"
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
  grading::Controls controls{false, false, false};
  for (const std::string& name : items_of(list)) {
    if (name == "random")
      controls.random = true;
    else if (name == "shuffled")
      controls.shuffled = true;
    else if (name == "permuted")
      controls.permuted = true;
    else if (name != "none" || list != "none")
      throw UsageError("grade: --controls names '" + name + "'" +
                       suggest(name, {"random", "shuffled", "permuted", "none"}));
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
  const GradeRequest request = request_of(options);
  std::vector<grading::Floor> floors;
  for (const std::string& text : options.list("floor"))
    floors.push_back(grading::parse_floor(text));
  catch_interrupts();
  const grading::Grades grades = grading::grade(request, listener_of(options.flag("json")));
  const auto lines = options.flag("json")
                         ? grading::grade_json_lines(grades)
                         : grading::grade_text(grades, request, detect_terminal(STDOUT_FILENO));
  for (const std::string& line : lines) std::cout << line << "\n";
  const auto missed = grading::missed_floors(grades, floors);
  for (const std::string& line : missed) std::cerr << "lensbench: " << line << "\n";
  return missed.empty() ? 0 : 1;
}

}  // namespace lensbench::cli
