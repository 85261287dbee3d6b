#include "cli/parse/arguments.hpp"

#include <ATen/Context.h>

#include <lensbench/error.hpp>
#include <limits>

#include "cli/commands.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

const std::map<std::string, at::ScalarType>& dtypes() {
  static const std::map<std::string, at::ScalarType> types = {
      {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};
  return types;
}

bool is_cuda_device(const std::string& device) {
  return device == "cuda" ||
         (device.starts_with("cuda:") && device.size() > 5 &&
          device.find_first_not_of("0123456789", 5) == std::string::npos && device.size() < 9);
}

}  // namespace

Option dtype_option() {
  return {.name = "dtype",
          .argument = "TYPE",
          .help = "element type to compute in",
          .words = {"float32", "bfloat16", "float16"},
          .initial = "float32"};
}

std::vector<Option> run_options() {
  std::vector<Option> options = {
      model_option(),
      {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
      {.name = "prompts",
       .argument = "FILE",
       .help = "one prompt a line, or JSONL (.jsonl) with text or ids, id, target and other fields",
       .values = Values::file},
      {.name = "ids",
       .argument = "\"1 2 3\"",
       .help = "token ids as they are: no tokenizer needed, no BOS added",
       .repeats = true},
      {.name = "set",
       .argument = "KEY=VALUE",
       .help = "a parameter of the tool or experiment",
       .values = Values::setting,
       .repeats = true},
      {.name = "interventions",
       .argument = "FILE",
       .help = "JSON list of changes to activations that are in every forward "
               "(docs/interventions.md)",
       .values = Values::file},
      {.name = "config",
       .argument = "FILE",
       .help = "read options from an INI file, parameters from its section [set]; the command line "
               "wins; the file is kept in the archive",
       .values = Values::file},
      {.name = "out",
       .argument = "FILE",
       .help = "archive to write (default: a new name under results/)",
       .values = Values::archive},
      dtype_option(),
      {.name = "device", .argument = "DEVICE", .help = "cpu or cuda:N", .initial = "cpu"},
      threads_option(),
      {.name = "seed",
       .argument = "N",
       .help = "seed of every random choice",
       .values = Values::count,
       .initial = "0"},
      {.name = "profile",
       .argument = "",
       .help = "measure time and bytes of each layer and component; lensbench show tells"},
      {.name = "resume", .argument = "", .help = "go on with an interrupted run of the same --out"},
      {.name = "no-share",
       .argument = "",
       .help = "one forward for every request of every tool, instead of one a case where that is "
               "enough; the results are the same"},
      {.name = "progress",
       .argument = "HOW",
       .help = "bar, or json: one line on stderr for each case once it is safe",
       .words = {"bar", "json"},
       .initial = "bar"},
      json_option("print the results as JSON"),
      {.name = "quiet", .argument = "", .help = "print nothing but errors", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return options;
}

RunArguments run_arguments(const Options& options) {
  RunArguments run;
  run.help = options.flag("help");
  run.name = options.operand(0);
  run.plugins = plugin_arguments(options);
  if (run.help) return run;
  run.model = options.text("model");
  run.prompts = options.list("prompt");
  run.ids = options.list("ids");
  run.prompts_file = options.text("prompts");
  if (options.given("interventions"))
    run.interventions = read_interventions(options.text("interventions"));
  run.out = options.text("out");
  run.dtype = options.text("dtype");
  run.device = options.text("device");
  run.threads = thread_count(options);
  run.seed = options.count("seed");
  run.resume = options.flag("resume");
  run.profile = options.flag("profile");
  run.share = !options.flag("no-share");
  run.quiet = options.flag("quiet");
  run.json = options.flag("json");
  run.progress_json = options.text("progress") == "json";
  for (const auto& assignment : options.list("set")) add_setting(run.set, assignment);
  run.config = options.config();
  return run;
}

std::int64_t thread_count(const Options& options) {
  if (options.count("threads") > std::numeric_limits<std::int32_t>::max())
    throw UsageError("--threads is " + options.text("threads") + "; give a count, or 0");
  return static_cast<std::int64_t>(options.count("threads"));
}

void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError("--set '" + assignment + "' is not KEY=VALUE, as in --set top_k=5");
  settings[assignment.substr(0, equals)] = assignment.substr(equals + 1);
}

ModelOptions model_options(const std::string& dtype, const std::string& device) {
  const auto type = dtypes().find(dtype);
  if (type == dtypes().end())
    throw UsageError("--dtype '" + dtype + "' is none of " + join(dtype_option().words, ", "));
  ModelOptions options;
  options.dtype = type->second;
  if (device != "cpu" && !is_cuda_device(device))
    throw UsageError("--device '" + device + "' is neither cpu nor cuda:N");
  if (is_cuda_device(device) && !at::hasCUDA())
    throw UsageError("--device '" + device +
                     "': this lensbench runs with a libtorch without CUDA, or there is no GPU; use "
                     "--device cpu");
  options.device = at::Device(device);
  return options;
}

}  // namespace lensbench::cli
