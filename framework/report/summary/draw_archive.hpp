#pragma once

#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "report/terminal/terminal.hpp"

namespace lensbench {

/// Part of an archive to draw.
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

}  // namespace lensbench
