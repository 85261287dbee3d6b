#include <utility>

#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The port is checked by `run_serve`.
Command serve_command() {
  std::vector<Option> options = {
      model_option(),
      {.name = "port",
       .argument = "N",
       .help = "port of 127.0.0.1; 0: a free one",
       .values = Values::count,
       .initial = "0"},
      dtype_option(),
      {.name = "device", .argument = "DEVICE", .help = "cpu or cuda:N", .initial = "cpu"},
      threads_option()};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {
      .name = "serve",
      .group = "Runs",
      .summary = "ask a model in a browser, prompt by prompt",
      .description =
          R"(Opens a model once and prints the address of a page. In it, type a prompt and press
Enter: a tool runs on the prompt, and the page shows its results as lensbench report does. Each answer
can be saved as an archive, which lensbench verify, replay and report accept.

The page can be reached from this machine alone, and with its address alone, which has a random token.
One question is answered at a time; a long one shows its progress and can be cancelled. Tools that
need a file, or have no picture, are left to lensbench tool. Ctrl-C ends the server; what was not
saved is lost.)",
      .operands = {},
      .options = std::move(options),
      .examples = {{"lensbench serve --model models/kjv-gpt2", "prints the address of the page"},
                   {"lensbench serve --model DIR --port 8080", "on a chosen port"}}};
}

}  // namespace lensbench::cli
