#include "cli/commands/resume.hpp"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "archive/run/finished_run.hpp"
#include "archive/sandbox/guard.hpp"
#include "core/text/shell_words.hpp"
#include "report/export/json.hpp"

namespace lensbench::cli {
namespace {

using nlohmann::json;

json failures_of(const std::vector<CaseRecord>& cases) {
  json failures = json::array();
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (cases[i].status == CaseStatus::failed)
      failures.push_back({{"case", i}, {"error", cases[i].error}});
  return failures;
}

/// Failed cases have priority over failed receipts, as in the run itself.
int exit_code(const FinishedRun& run) {
  if (!failures_of(run.cases).empty()) return 5;
  const bool hold = std::all_of(run.receipts.begin(), run.receipts.end(),
                                [](const auto& stored) { return stored.receipt.passed; });
  return hold ? 0 : 1;
}

}  // namespace

// Prints from the sealed archive in blocks, so that the results of all cases are never in memory
// together.
void print_json(const SealResult& sealed) {
  const auto text = [](const json& value) { return value.dump(); };
  const ArchiveReader archive(sealed.path);
  std::vector<std::string> names = archive.names();
  std::sort(names.begin(), names.end());
  // The outer object is written by hand, because its members are streamed.
  std::cout << "{\"archive\":" << text(sealed.path.string())
            << ",\"failures\":" << text(failures_of(archive.cases())) << ",\"results\":{";
  for (const std::string& name : names) {
    std::cout << (name == names.front() ? "" : ",") << text(name) << ":";
    write_json(std::cout, archive.stored(name));
  }
  std::cout << "},\"results_sha256\":" << text(sealed.digests.results)
            << ",\"seal_sha256\":" << text(sealed.digests.seal) << "}\n";
}

std::string resume_command(const std::string& command, const std::vector<std::string>& argv,
                           const RunArguments& arguments, const std::filesystem::path& out) {
  std::string text = "lensbench " + command;
  for (const auto& word : argv) text += " " + shell_word(word);
  // The default name has the time of the run: a resumed run needs the old one.
  if (arguments.out.empty()) text += " --out " + shell_word(out.string());
  if (!arguments.request.resume) text += " --resume";
  return text;
}

int finish_and_say(const RunSession& session, const RunArguments& arguments,
                   const std::filesystem::path& out) {
  // Verified in a child process first, since the file under this name can be anything.
  ask_child({{out}}, [&] {
    require_intact_run(out);
    return std::string();
  });
  const FinishedRun run = finish_sealed_run(out, session.plan(), Verified::yes);
  if (arguments.json) print_json(run.sealed);
  if (!arguments.quiet)
    std::cerr << "archive " << out.string() << "\nresults sha256 " << run.sealed.digests.results
              << "\nlensbench: the archive was complete, so nothing was run again\n";
  return exit_code(run);
}

}  // namespace lensbench::cli
