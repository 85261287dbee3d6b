#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/page/run_source.hpp"

namespace lensbench::page {

/// Data of a page for a script that receives them from a server on the same machine.
struct LiveData {
  nlohmann::json index;             ///< as in a page; its blocks have the form `Form::plain`
  std::vector<std::string> blocks;  ///< by their numbers
};

/// Index and values of all complete cases of a run that is not saved yet, with the exact values and
/// every rank. Parts that exceed the limit are left out, as the index says.
/// \param max_bytes  limit for all blocks, about
LiveData live_data(const RunSource& run, std::size_t max_bytes);

}  // namespace lensbench::page
