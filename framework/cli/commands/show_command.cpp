#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/joint/shared_progress.hpp"
#include "archive/joint/shared_run.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/commands/token_texts.hpp"
#include "cli/parse/options.hpp"
#include "grading/archive/stored_report.hpp"
#include "report/summary/draw_archive.hpp"
#include "report/summary/progress_text.hpp"
#include "report/summary/show.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// The tokenizer is opened before, outside of the child, which may only read the folder of the run.
int show_unsealed(const fs::path& run, const DrawRequest& request, const TerminalStyle& style) {
  const TokenText token = token_texts(run);
  return in_child({.files = {}, .folders = {run}}, [&] {
    std::cout << draw_results(CommittedResults(run), token, request, style);
    if (is_shared_run(run) && request.result.empty() && request.cases.empty())
      std::cout << progress_text(shared_progress(run));
    return 0;
  });
}

/// Prints the results. For a grading these are the tables that it printed, unless a result or a
/// case is named.
void show_results(const ArchiveReader& archive, const DrawRequest& request,
                  const TerminalStyle& style) {
  if (request.result.empty() && request.cases.empty()) {
    const auto lines = grading::stored_report(archive);
    for (const std::string& line : lines) std::cout << line << "\n";
    if (!lines.empty()) return;
  }
  std::cout << draw_results(archive, request, style);
}

}  // namespace

int run_show(const Options& options) {
  const std::string& file = options.operand(0);
  const DrawRequest request{options.operand(1), options.list("case")};
  const bool draws = !request.result.empty() || !request.cases.empty();
  const bool facts = options.flag("facts"), json = options.flag("json");
  if (draws && (facts || json))
    throw UsageError(std::string(facts ? "--facts" : "--json") +
                     " shows the whole archive; leave RESULT and --case out");
  const TerminalStyle style = detect_terminal(STDOUT_FILENO);
  if (const auto run = unsealed_run(file); !run.empty()) {
    if (facts || json)
      throw UsageError(run.string() + ": the run is not sealed yet; leave " +
                       (facts ? "--facts" : "--json") + " out");
    return show_unsealed(run, request, style);
  }
  return in_child({{file}}, [&] {
    if (json)
      std::cout << describe_archive_json(file).dump(1) << "\n";
    else if (facts)
      std::cout << describe_archive(file);
    else
      show_results(ArchiveReader(file), request, style);
    return 0;
  });
}

}  // namespace lensbench::cli
