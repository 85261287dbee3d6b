#include "cli/commands/resume.hpp"

#include <algorithm>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/digest/verify.hpp"
#include "archive/run/finished_run.hpp"
#include "archive/sandbox/guard.hpp"
#include "report/export/json.hpp"

namespace lensbench::cli {
namespace {

using nlohmann::json;

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./=:,+@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

json failures_of(const FinishedRun& run) {
  constexpr int kFailed = 2;
  json failures = json::array();
  for (std::size_t i = 0; i < run.cases.size(); ++i)
    if (run.cases[i].status == kFailed)
      failures.push_back({{"case", i}, {"error", run.cases[i].error}});
  return failures;
}

int exit_code(const FinishedRun& run, const json& failures) {
  if (!failures.empty()) return 5;
  const bool hold = std::all_of(run.receipts.begin(), run.receipts.end(),
                                [](const auto& stored) { return stored.receipt.passed; });
  return hold ? 0 : 1;
}

}  // namespace

// From the sealed archive, in blocks: however many cases there are, they are never in memory
// together.
void print_json(const SealResult& sealed, const json& failures) {
  const auto text = [](const json& value) { return value.dump(); };
  const ArchiveReader archive(sealed.path);
  std::vector<std::string> names = archive.names();
  std::sort(names.begin(), names.end());
  std::cout << "{\"archive\":" << text(sealed.path.string()) << ",\"failures\":" << text(failures)
            << ",\"results\":{";
  for (const std::string& name : names) {
    std::cout << (name == names.front() ? "" : ",") << text(name) << ":";
    write_json(std::cout, archive.stored(name));
  }
  std::cout << "},\"results_sha256\":" << text(sealed.results_sha256)
            << ",\"seal_sha256\":" << text(sealed.seal_sha256) << "}\n";
}

std::string resume_command(const std::string& command, const std::vector<std::string>& argv,
                           const RunArguments& arguments, const std::filesystem::path& out) {
  std::string text = "lensbench " + command;
  for (const auto& word : argv) text += " " + shell_word(word);
  if (arguments.out.empty()) text += " --out " + shell_word(out.string());
  if (!arguments.resume) text += " --resume";
  return text;
}

int finish_and_say(const RunSession& session, const std::filesystem::path& out) {
  // In a child first: what is there under the name need not be an archive of this program.
  ask_child({{out}}, [&] {
    const VerifyResult found = verify_archive(out);
    if (!found.intact)
      throw InputError(out.string() + ": damaged: " + found.findings.front() +
                       "; move it away and run the same command again");
    return std::string();
  });
  const FinishedRun run = finish_sealed_run(out, session.plan());
  const json failures = failures_of(run);
  if (session.arguments().json) print_json(run.sealed, failures);
  if (!session.arguments().quiet)
    std::cerr << "archive " << out.string() << "\nresults sha256 " << run.sealed.results_sha256
              << "\nlensbench: it was complete, nothing was run again\n";
  return exit_code(run, failures);
}

}  // namespace lensbench::cli
