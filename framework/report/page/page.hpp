#pragma once

#include <string>
#include <vector>

#include "report/page/index.hpp"
#include "report/page/run_source.hpp"

namespace lensbench::page {

/// Makes the page of one run, or of two that are compared.
/// \param runs        one or two
/// \param difference  of two archives
/// \throws UsageError for a case that a run does not have, or if not even the facts fit into
///   `max_bytes`; InputError for damaged content
std::string make_page(const std::vector<RunSource>& runs, const PageRequest& request,
                      std::optional<ArchiveDifference> difference = {});

/// Whether this build has the script and style of the page.
bool has_page();

}  // namespace lensbench::page
