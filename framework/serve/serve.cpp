#include "serve/serve.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "report/page/page.hpp"
#include "serve/model_engine.hpp"
#include "serve/server.hpp"

namespace lensbench::serve {

void serve(const RunRequest& request, std::uint16_t port,
           const std::function<void(const std::string& url)>& ready, const Warn& warn) {
  if (!page::has_page())
    throw UsageError(
        "serve: this lensbench was built without the page (LENSBENCH_REPORT=OFF); build it with "
        "esbuild and the modules of d3 (docs/building.md)");
  boost::asio::io_context context(1);
  // The port is taken first: opening a model may take minutes.
  auto acceptor = listen_at(context, port);
  ModelEngine engine(request, warn);
  Server server(context, engine, std::move(acceptor));
  server.end_at_signals();
  ready(server.url());
  context.run();
}

}  // namespace lensbench::serve
