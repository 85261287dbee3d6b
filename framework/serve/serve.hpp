#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "session/run_request.hpp"

namespace lensbench::serve {

/// Serves the live page of a model until SIGINT or SIGTERM.
/// \param request  model, plug-ins, type, device and threads of every question
/// \param port     0: a free one
/// \param ready    receives the address of the page, once it can be opened
/// \param warn     receives sentences about what is left out
/// \throws UsageError if the port cannot be had, or in a build without the page; as `RunSession`
void serve(const RunRequest& request, std::uint16_t port,
           const std::function<void(const std::string& url)>& ready, const Warn& warn);

}  // namespace lensbench::serve
