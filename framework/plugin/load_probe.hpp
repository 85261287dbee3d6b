#pragma once

#include <chrono>
#include <lensbench/error.hpp>
#include <optional>
#include <vector>

#include "plugin/library_loader.hpp"

namespace lensbench {

/// Tests libraries in a child process: loads them and creates and destroys one object of each
/// entry, so that a crash, an exit, an exception of a static initialiser or an endless loop happens
/// there. One child tests all libraries; after a library that ends it, a new child continues.
/// \param limit  time limit for one library
/// \return for each library, empty if it passed, else the reason why it is refused
std::vector<std::optional<PluginError>> probe_libraries(const std::vector<LoadRequest>& libraries,
                                                        std::chrono::milliseconds limit);

}  // namespace lensbench
