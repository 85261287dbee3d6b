#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "archive/diff.hpp"

namespace lensbench {

/// Text for a user: the differences in the request, then each variable that is not identical.
std::string describe(const ArchiveDifference& difference);

/// JSON for a script, in a stable, sorted form.
nlohmann::json to_json(const ArchiveDifference& difference);

}  // namespace lensbench
