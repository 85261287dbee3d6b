#pragma once

#include <string>

#include "report/page/index.hpp"

namespace lensbench::page {

/// Title of the page.
std::string page_title(const PageContent& content);

/// What a page shows without its script: facts, receipts, cases, the prediction at the last token,
/// differences, and the provenance with the commands that verify and repeat the run.
std::string static_part(const PageContent& content);

}  // namespace lensbench::page
