#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands/actions.hpp"
#include "model/weights/create_checkpoint.hpp"
#include "session/model_options.hpp"

namespace lensbench::cli {
namespace {}  // namespace

/// Writes an untrained checkpoint; its report goes to stderr, since the data are in the folder.
int run_model_init(const Options& options) {
  NewCheckpoint request;
  request.config = options.text("config");
  request.directory = options.operand(0);
  request.seed = options.count("seed");
  // Without the option, the configuration names the type, which the default of a run must not
  // replace.
  if (options.given("dtype")) request.dtype = model_options(options.text("dtype"), "cpu").dtype;
  const CreatedCheckpoint created = create_checkpoint(request);
  std::cerr << "wrote " << request.directory.string() << ": " << created.parameters
            << " parameters, " << created.weight_bytes << " bytes, seed " << request.seed << "\n";
  return 0;
}

}  // namespace lensbench::cli
