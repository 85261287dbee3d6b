#include "cli/model_init.hpp"

#include <charconv>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/arguments.hpp"
#include "cli/simple_options.hpp"
#include "model/create_checkpoint.hpp"

namespace lensbench::cli {
namespace {

std::uint64_t parse_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seed);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end)
    throw UsageError("model init: --seed '" + text + "' is not a whole number from 0 to 2^64 - 1");
  return seed;
}

}  // namespace

int model_init(const Arguments& arguments) {
  using Count = SimpleOptions::Count;
  const SimpleOptions options("model init", arguments,
                              {{"config", Count::one}, {"seed", Count::one}, {"dtype", Count::one}},
                              {});
  if (options.flag("help")) {
    std::cout << kModelInitHelp;
    return 0;
  }
  NewCheckpoint request;
  request.config = options.text("config");
  if (request.config.empty())
    throw UsageError("model init: --config is missing; give the config.json of the model to make");
  if (options.positional().size() != 1)
    throw UsageError("model init: expected one folder to write, got " +
                     std::to_string(options.positional().size()) +
                     "; see lensbench model init --help");
  request.directory = options.positional().front();
  if (options.given("seed")) request.seed = parse_seed(options.text("seed"));
  if (options.given("dtype")) request.dtype = model_options(options.text("dtype"), "cpu").dtype;
  const CreatedCheckpoint created = create_checkpoint(request);
  std::cerr << "wrote " << request.directory.string() << ": " << created.parameters
            << " parameters, " << created.weight_bytes << " bytes, seed " << request.seed << "\n";
  return 0;
}

}  // namespace lensbench::cli
