#pragma once

#include <cstdint>
#include <set>

#include "archive/run/run_writer.hpp"
#include "bench/run/case_parts.hpp"

namespace lensbench {

/// Records cases as failed during which processes ended without notice for the second time, since
/// they would end every process that resumes the run.
/// \param cases  cases that this process, or the ranks that it deals to, will run
/// \return those of them during which one process ended. Each has to run alone: if a process ends
///   again, it is then known in which case
std::set<std::int64_t> give_up_cases(RunWriter& writer, std::int64_t passes, const CaseSpan& cases);

}  // namespace lensbench
