#include "cli/commands/run_messages.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "report/terminal/progress.hpp"

namespace lensbench::cli {
namespace {

void print_json_progress(std::int64_t done, std::int64_t total) {
  std::cerr << nlohmann::json{{"step", done}, {"steps", total}}.dump() + "\n";
}

/// Ids of cases come from files and may be invalid UTF-8, which JSON cannot hold.
void print_json_line(const CaseProgress& ended) {
  std::cerr << nlohmann::json{{"case", ended.index},
                              {"id", ended.id},
                              {"status", ended.failed ? "failed" : "complete"},
                              {"over", ended.done},
                              {"of", ended.total}}
                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                   "\n";
}

}  // namespace

void print_warning(const std::string& sentence) {
  std::cerr << "lensbench: " << sentence << "\n";
}

void quietly(const std::string&) {}

namespace {

/// Shows the progress of a run as a bar.
void show_progress(RunListener& listener, std::int64_t cases) {
  // Shared by the callbacks below, which are copied; empty until the bar is needed.
  auto bar = std::make_shared<std::optional<ProgressBar>>();
  // A single case usually ends before a bar is useful, unless its tool reports its progress.
  if (cases > 1) listener.on_start = [bar, cases] { bar->emplace(cases, STDERR_FILENO); };
  listener.on_case = [bar, known = cases > 0,
                      failed = std::int64_t{0}](const CaseProgress& ended) mutable {
    // The bar of a slow first case could not know how many there are.
    if (!std::exchange(known, true)) bar->emplace(ended.total, STDERR_FILENO);
    failed += ended.failed ? 1 : 0;
    if (*bar) (*bar)->step(ended.done, failed);
  };
  // A case that reports steps is slow, so that even a single case gets a bar.
  listener.on_progress = [bar, cases](std::int64_t done, std::int64_t total) {
    if (!*bar) bar->emplace(std::max<std::int64_t>(1, cases), STDERR_FILENO);
    (*bar)->work(done, total);
  };
  // Destroys the bar, which erases it before results are printed.
  listener.on_end = [bar] { bar->reset(); };
}

}  // namespace

RunListener terminal_listener(std::int64_t cases, bool quiet, bool progress_json) {
  RunListener listener;
  if (!quiet) listener.warn = print_warning;
  if (progress_json) {
    listener.on_case = print_json_line;
    listener.on_progress = print_json_progress;
  } else if (!quiet) {
    show_progress(listener, cases);
  }
  return listener;
}

void print_failures(const RunSession& session, const RunReport& report) {
  constexpr std::size_t kMost = 5;
  for (std::size_t i = 0; i < report.failures.size() && i < kMost; ++i) {
    const auto& failure = report.failures[i];
    print_warning("case '" + session.cases()[static_cast<std::size_t>(failure.index)].id +
                  "' failed: " + failure.message);
  }
  if (const std::size_t more = report.failures.size(); more > kMost)
    print_warning("and " + std::to_string(more - kMost) +
                  (more - kMost == 1 ? " more case failed" : " more cases failed") +
                  (report.completed.empty() ? "" : "; the archive's /units names them"));
}

}  // namespace lensbench::cli
