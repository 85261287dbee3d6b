#include <algorithm>
#include <iostream>
#include <lensbench/error.hpp>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "archive/run/run_folder.hpp"
#include "bench/run/case_parts.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/entry_help.hpp"
#include "cli/commands/run/plan_text.hpp"
#include "cli/commands/run/prepared.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/commands/settings.hpp"
#include "core/text/shell_words.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {
namespace {

/// An experiment of the name, or else a tool: a plug-in with neither is refused by the session.
PluginEntryKind kind_of_entry(const PluginHost& host, const std::string& name) {
  const auto& entries = host.entries();
  const bool is_tool =
      std::none_of(entries.begin(), entries.end(),
                   [&](const PluginInfo& entry) {
                     return entry.name == name && entry.kind == PluginEntryKind::experiment;
                   }) &&
      std::any_of(entries.begin(), entries.end(), [&](const PluginInfo& entry) {
        return entry.name == name && entry.kind == PluginEntryKind::tool;
      });
  return is_tool ? PluginEntryKind::tool : PluginEntryKind::experiment;
}

std::unique_ptr<PluginHost> host_of(const Options& options) {
  const PluginSearch search = plugin_search(options);
  auto host = std::make_unique<PluginHost>(plugin_policy(search));
  find_plugins(*host, search, quietly);
  return host;
}

/// Number of parts for what is printed. A part can be run under any other number too.
std::int64_t number_of_parts(const Options& options, std::int64_t cases) {
  constexpr std::int64_t kUsual = 16;
  const std::uint64_t asked = options.count("shards");
  if (asked == 0) return std::min(kUsual, cases);
  if (asked > static_cast<std::uint64_t>(cases))
    throw UsageError("--shards " + options.text("shards") + ": the run has only " +
                     std::to_string(cases) + (cases == 1 ? " case" : " cases") +
                     "; divide it into at most " + std::to_string(cases));
  return static_cast<std::int64_t>(asked);
}

std::int64_t sum_of_tokens(const std::vector<std::int64_t>& tokens, const CaseSpan& span) {
  return std::accumulate(tokens.begin() + span.first, tokens.begin() + span.end, std::int64_t{0});
}

/// Bytes of all results by those of one case, in proportion to the tokens.
void measure(RunSession& session, const std::vector<std::int64_t>& tokens, const Warn& warn,
             PlannedRun& plan) {
  const auto index = median_case(tokens);
  if (!index) return;
  warn("computing case '" + session.cases()[*index].id +
       "' to see how many bytes its results have (--no-measure leaves it out)");
  const auto bytes = session.measure_case(static_cast<std::int64_t>(*index));
  if (!bytes) return;
  plan.bytes = static_cast<double>(*bytes) * static_cast<double>(plan.tokens) /
               static_cast<double>(tokens[*index]);
  plan.measured = session.cases()[*index].id;
}

PlannedRun planned(const RunSession& session, const RunArguments& arguments,
                   const std::vector<std::string>& words, std::int64_t parts) {
  const auto tokens = session.tokens();
  PlannedRun plan;
  plan.folder = run_folder_of(arguments.out).string();
  plan.command =
      arguments.request.kind == PluginEntryKind::tool ? "lensbench tool" : "lensbench run";
  for (const std::string& word : words) plan.command += " " + shell_word(word);
  plan.cases = std::ssize(tokens);
  plan.tokens = sum_of_tokens(tokens, {0, std::ssize(tokens)});
  plan.passes = session.plan().passes;
  for (const CaseSpan& span : shares_of(tokens, parts))
    plan.parts.push_back({span.end - span.first, sum_of_tokens(tokens, span)});
  plan.blocks =
      std::ssize(blocks_of(session.groups(), tokens, parts, arguments.request.block_cases));
  return plan;
}

}  // namespace

EntryHelp plan_help(const Options& options) {
  if (options.operand(0).empty()) return {};
  const auto host = host_of(options);
  const PluginEntryKind kind = kind_of_entry(*host, options.operand(0));
  return {entry_help(*host, kind, options.operand(0), help_width()), ""};
}

/// The plan is written before a case is measured, which may fail or take long.
int run_plan(const Options& options) {
  const PluginEntryKind kind = kind_of_entry(*host_of(options), options.operand(0));
  const RunArguments arguments = run_arguments(kind, options);
  GivenCases given = cases_of(arguments);
  const std::int64_t parts = number_of_parts(options, number_of(given.cases));
  RunListener listener;
  if (!arguments.quiet) listener.warn = print_warning;
  RunSession session(arguments.request, listener);
  check_settings(session.host(), session.entry(), arguments.request.set, options.config());
  session.prepare(required_cases(std::move(given.cases), session.reads_prompts()),
                  std::move(given.inputs));
  const auto words = words_of_run(options.arguments());
  const bool is_new = session.plan_shared(arguments.out, words);
  PlannedRun plan = planned(session, arguments, words, parts);
  plan.is_new = is_new;
  if (!options.flag("no-measure")) measure(session, session.tokens(), listener.warn, plan);
  if (arguments.json)
    std::cout << plan_json(plan).dump(1) << "\n";
  else
    std::cout << plan_text(plan);
  return 0;
}

}  // namespace lensbench::cli
