#pragma once

#include <vector>

#include "archive/run/run_writer.hpp"
#include "bench/runner.hpp"

namespace lensbench {

/// Failures of all processes, of which a report has only those of its own.
inline std::vector<CaseFailure> failures_of(const RunWriter& writer) {
  constexpr int kOfARun = 5;
  std::vector<CaseFailure> failures;
  for (const CaseOutcome& one : writer.failures())
    failures.push_back({one.index, one.error, kOfARun});
  return failures;
}

}  // namespace lensbench
