#include "session/joint/ended_processes.hpp"

#include <optional>
#include <string>

namespace lensbench {
namespace {

/// Pass of a case that runs next; empty if the case is over.
std::optional<std::int64_t> next_pass(const RunWriter& writer, std::int64_t passes,
                                      std::int64_t index) {
  for (std::int64_t pass = 0; pass < passes; ++pass)
    if (writer.waits(index, pass)) return pass;
  return std::nullopt;
}

}  // namespace

std::set<std::int64_t> give_up_cases(RunWriter& writer, std::int64_t passes,
                                     const CaseSpan& cases) {
  constexpr int kMostAttempts = 2;
  std::set<std::int64_t> suspects;
  for (const auto& [index, processes] : writer.ended_processes()) {
    if (index < cases.first || index >= cases.end) continue;
    const auto pass = next_pass(writer, passes, index);
    if (!pass) continue;
    if (processes < kMostAttempts)
      suspects.insert(index);
    else
      writer.give_up(
          index,
          "ended its process (" + std::to_string(processes) + " times); run it alone to see why",
          *pass);
  }
  return suspects;
}

}  // namespace lensbench
