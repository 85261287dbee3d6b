#pragma once

#include <chrono>
#include <lensbench/error.hpp>
#include <optional>
#include <vector>

#include "plugin/trial_child.hpp"

namespace lensbench {

/// Number of child processes that try so many libraries at the same time.
/// \param n_processors  processors that this process may use; 0: unknown
std::size_t trial_children(std::size_t n_libraries, std::size_t n_processors);

/// Tests libraries in child processes: loads them and creates and destroys one object of each
/// entry, so that a crash, an exit, an exception of a static initialiser or an endless loop happens
/// there. Several children test a part of the libraries each; after a library that ends one of
/// them, a new child continues with its part.
/// \param limit  time limit for one library
/// \return for each library, empty if it passed, else the reason why it is refused
std::vector<std::optional<PluginError>> probe_libraries(const std::vector<TrialLibrary>& libraries,
                                                        std::chrono::milliseconds limit);

}  // namespace lensbench
