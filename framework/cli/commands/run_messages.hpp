#pragma once

#include <cstdint>
#include <string>

#include "session/run_session.hpp"

namespace lensbench::cli {

/// Prints `lensbench: SENTENCE` on stderr.
void print_warning(const std::string& sentence);
/// Ignores the sentence.
void quietly(const std::string& sentence);

/// Listener that shows a run on stderr: warnings, and a bar or JSON lines for finished cases.
/// \param cases  number of cases; 0: known when the first one ends, as that of a shard is
RunListener terminal_listener(std::int64_t cases, bool quiet, bool progress_json);

/// Prints one line on stderr for each of the first failed cases.
void print_failures(const RunSession& session, const RunReport& report);

}  // namespace lensbench::cli
