#pragma once

#include <cstdint>
#include <string>

#include "session/run_session.hpp"

namespace lensbench::cli {

/// `lensbench: SENTENCE` on stderr.
void print_warning(const std::string& sentence);
/// Nothing.
void quietly(const std::string& sentence);

/// Shows a run on stderr: warnings, and a bar or JSON lines of the cases that ended.
/// \param cases  how many there are
RunListener terminal_listener(std::int64_t cases, bool quiet, bool progress_json);

/// One line on stderr for each case that failed, the first few.
void print_failures(const RunSession& session, const RunReport& report);

}  // namespace lensbench::cli
