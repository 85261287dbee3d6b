#include <iostream>
#include <lensbench/error.hpp>
#include <limits>

#include "cli/commands/actions.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "serve/serve.hpp"

namespace lensbench::cli {
namespace {

std::uint16_t port_of(const Options& options) {
  const std::uint64_t port = options.count("port");
  if (port > std::numeric_limits<std::uint16_t>::max())
    throw UsageError("serve: --port is " + options.text("port") +
                     ", expected a number up to 65535, or 0 for a free port");
  return static_cast<std::uint16_t>(port);
}

}  // namespace

/// The address is the only text on stdout, so that a program can read it there.
int run_serve(const Options& options) {
  RunRequest request;
  request.model = options.text("model");
  request.dtype = options.text("dtype");
  request.device = options.text("device");
  request.threads = thread_count(options);
  request.plugins = plugin_search(options);
  serve::serve(
      request, port_of(options),
      [](const std::string& url) {
        std::cout << url << std::endl;
        std::cerr << "lensbench: open the address in a browser; Ctrl-C ends the server\n";
      },
      print_warning);
  return 0;
}

}  // namespace lensbench::cli
