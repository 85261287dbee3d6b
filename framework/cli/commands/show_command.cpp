#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "archive/sandbox/guard.hpp"
#include "checkpoint/hub_cache.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/beginning_of_run.hpp"
#include "cli/parse/options.hpp"
#include "report/summary/draw_archive.hpp"
#include "report/summary/show.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// Texts of the tokens of the run's model. A run whose model or tokenizer is not found any more is
/// drawn with ids.
TokenText token_texts(const fs::path& run) {
  std::shared_ptr<const Tokenizer> tokenizer;
  try {
    const BeginningOfRun begun = beginning_of(run);
    const std::string model = options_of(begun).text("model");
    // The recorded path may be relative to the working directory of that time.
    const fs::path there = begun.directory / model;
    tokenizer = Tokenizer::open(fs::is_directory(there) ? there : resolve_model_directory(model));
  } catch (const Error&) {
  }
  // Drawing does not depend on the texts: numbers are better than no drawing.
  return [tokenizer](std::int64_t id) {
    return tokenizer == nullptr ? "<" + std::to_string(id) + ">" : tokenizer->token_text(id);
  };
}

/// The tokenizer is opened before, outside of the child, which may only read the folder of the run.
int show_unsealed(const fs::path& run, const DrawRequest& request, const TerminalStyle& style) {
  const TokenText token = token_texts(run);
  return in_child({.files = {}, .folders = {run}}, [&] {
    std::cout << draw_results(CommittedResults(run), token, request, style);
    return 0;
  });
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
      std::cout << draw_results(ArchiveReader(file), request, style);
    return 0;
  });
}

}  // namespace lensbench::cli
