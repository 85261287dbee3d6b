#pragma once

#include <functional>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/committed_results.hpp"
#include "report/terminal/terminal.hpp"
#include "report/views/render.hpp"

namespace lensbench {

/// Part of the results to draw.
struct DrawRequest {
  std::string result;              ///< name of a dataset; empty: all
  std::vector<std::string> cases;  ///< ids of cases; empty: the first that are complete
};

/// Draws the results of an archive as text, in the order in which they are read: predictions by
/// layer, contributions, choices, others. A note names what is not drawn.
/// \throws UsageError for a result or a case that the archive does not have, with those that it
/// has;
///   InputError for damaged content
std::string draw_results(const ArchiveReader& archive, const DrawRequest& request,
                         const TerminalStyle& style);

/// Draws what an unsealed run has saved so far, in the same way, with the number of its cases.
/// \param token  text of a token, which only the archive of a sealed run stores
/// \throws as the function above
std::string draw_results(const CommittedResults& run, const TokenText& token,
                         const DrawRequest& request, const TerminalStyle& style);

}  // namespace lensbench
