#pragma once

#include <chrono>
#include <lensbench/error.hpp>
#include <optional>
#include <vector>

#include "plugin/library_loader.hpp"

namespace lensbench {

/// Loads libraries in a child process first, and makes and drops one object of each of their
/// entries: what crashes, exits, throws out of a static initialiser or hangs does so there. One
/// child does for all, and a new one for those after a library that ended it.
/// \param limit  the longest that one library may take
/// \return for each library, nothing if it came through, else why it is refused
std::vector<std::optional<PluginError>> probe_libraries(const std::vector<LoadRequest>& libraries,
                                                        std::chrono::milliseconds limit);

}  // namespace lensbench
