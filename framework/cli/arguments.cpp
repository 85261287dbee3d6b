#include "cli/arguments.hpp"

#include <ATen/Context.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>

#include "core/suggest.hpp"

namespace lensbench::cli {
namespace {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;

po::options_description visible_options() {
  po::options_description options("Options", 100, 60);
  options.add_options()  //
      ("model", po::value<std::string>()->value_name("DIR"),
       "checkpoint: a Hugging Face model directory, or a hub name that is in the local hub "
       "cache")                                                                          //
      ("prompt", po::value<Strings>()->value_name("TEXT"), "a prompt; may be repeated")  //
      ("prompts", po::value<std::string>()->value_name("FILE"),
       "one prompt a line, or JSONL with text, id, target, …")  //
      ("ids", po::value<Strings>()->value_name("\"1 2 3\""),
       "token ids as they are: no tokenizer needed, no BOS added; may be repeated")  //
      ("set", po::value<Strings>()->value_name("KEY=VALUE"),
       "a parameter of the tool or experiment; may be repeated")  //
      ("interventions", po::value<std::string>()->value_name("FILE"),
       "JSON list of changes to activations that are in every forward (see "
       "docs/interventions.md)")  //
      ("config", po::value<std::string>()->value_name("FILE"),
       "read options from an INI file; parameters stand in its section [set]; the command line "
       "wins")  //
      ("plugin-dir", po::value<Strings>()->value_name("DIR"),
       "look for plug-ins here first; may be repeated")  //
      ("out", po::value<std::string>()->value_name("FILE"),
       "archive to write (default: a new name under results/)")  //
      ("dtype", po::value<std::string>()->default_value("float32"),
       "element type to compute in: float32, bfloat16 or float16")                           //
      ("device", po::value<std::string>()->default_value("cpu"), "cpu or cuda:N")            //
      ("threads", po::value<std::int64_t>()->default_value(0), "0: one a core")              //
      ("seed", po::value<std::uint64_t>()->default_value(0), "seed of every random choice")  //
      ("profile", po::bool_switch(),
       "measure time and bytes of each layer and component; lensbench show tells")      //
      ("resume", po::bool_switch(), "go on with an interrupted run of the same --out")  //
      ("json", po::bool_switch(), "print the results as JSON")                          //
      ("quiet,q", po::bool_switch(), "print nothing but errors")                        //
      ("help,h", po::bool_switch(), "this text");
  return options;
}

Strings option_names() {
  Strings names;
  const auto options = visible_options();
  for (const auto& option : options.options()) names.push_back(option->long_name());
  return names;
}

[[noreturn]] void rethrow(const po::error& error, const std::string& command) {
  std::string message = error.what();
  if (const auto* unknown = dynamic_cast<const po::unknown_option*>(&error)) {
    auto name = unknown->get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    message = "unknown option '--" + name + "'" + suggest(name, option_names());
  }
  throw UsageError(command + ": " + message + " (see lensbench " + command + " --help)");
}

// Keys of section [set] become parameters; all others must be options.
void read_config(const std::string& path, po::variables_map& values,
                 std::map<std::string, std::string>& settings) {
  std::ifstream file(path);
  if (!file) throw InputError(path + ": the config file cannot be read");
  try {
    const auto options = visible_options();
    const auto parsed = po::parse_config_file(file, options, true);
    po::parsed_options known(&options);
    for (const auto& option : parsed.options) {
      if (!option.unregistered) {
        known.options.push_back(option);
      } else if (option.string_key.starts_with("set.")) {
        settings[option.string_key.substr(4)] = option.value.empty() ? "" : option.value.front();
      } else {
        throw InputError(path + ": unknown key '" + option.string_key + "'" +
                         suggest(option.string_key, option_names()));
      }
    }
    po::store(known, values);
  } catch (const po::error& error) {
    throw InputError(path + ": " + error.what());
  }
}

template <class Value>
Value get(const po::variables_map& values, const char* name) {
  return values.count(name) != 0 ? values[name].as<Value>() : Value{};
}

RunArguments collect(const po::variables_map& values, std::map<std::string, std::string> settings) {
  RunArguments run;
  run.name = get<std::string>(values, "name");
  run.model = get<std::string>(values, "model");
  run.prompts = get<Strings>(values, "prompt");
  run.ids = get<Strings>(values, "ids");
  run.prompts_file = get<std::string>(values, "prompts");
  if (const auto file = get<std::string>(values, "interventions"); !file.empty())
    run.interventions = read_interventions(file);
  run.plugin_dirs = get<Strings>(values, "plugin-dir");
  run.out = get<std::string>(values, "out");
  run.dtype = get<std::string>(values, "dtype");
  run.device = get<std::string>(values, "device");
  run.threads = get<std::int64_t>(values, "threads");
  run.seed = get<std::uint64_t>(values, "seed");
  run.resume = get<bool>(values, "resume");
  run.profile = get<bool>(values, "profile");
  run.quiet = get<bool>(values, "quiet");
  run.json = get<bool>(values, "json");
  run.help = get<bool>(values, "help");
  run.set = std::move(settings);
  for (const auto& assignment : get<Strings>(values, "set")) add_setting(run.set, assignment);
  if (run.threads < 0) throw UsageError("--threads is negative; give a count, or 0 for all cores");
  return run;
}

}  // namespace

void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError("--set '" + assignment + "' is not KEY=VALUE");
  settings[assignment.substr(0, equals)] = assignment.substr(equals + 1);
}

RunArguments parse_run_arguments(const std::string& command, const std::string& subject,
                                 const std::vector<std::string>& arguments) {
  po::options_description all = visible_options();
  all.add_options()("name", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("name", 1);
  po::variables_map values;
  std::map<std::string, std::string> settings;
  try {
    // Long options may not be abbreviated: a new option must never change what an old script says.
    const int style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run(),
        values);
    if (values.count("config") != 0)
      read_config(values["config"].as<std::string>(), values, settings);
    po::notify(values);
  } catch (const po::error& error) {
    rethrow(error, command);
  }
  auto run = collect(values, std::move(settings));
  if (run.name.empty() && !run.help)
    throw UsageError(command + ": which " + subject + "? (see lensbench list " +
                     (command == "tool" ? "tools" : "experiments") + ")");
  if (run.model.empty() && !run.help)
    throw UsageError(command + ": --model is missing; give a model directory");
  return run;
}

std::string run_options_help() {
  std::ostringstream text;
  text << visible_options();
  return text.str();
}

ModelOptions model_options(const std::string& dtype, const std::string& device) {
  const std::map<std::string, at::ScalarType> types = {
      {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};
  const auto type = types.find(dtype);
  if (type == types.end())
    throw UsageError("--dtype '" + dtype + "' is none of float32, bfloat16, float16");
  ModelOptions options;
  options.dtype = type->second;
  const bool is_cuda =
      device == "cuda" ||
      (device.starts_with("cuda:") && device.size() > 5 &&
       device.find_first_not_of("0123456789", 5) == std::string::npos && device.size() < 9);
  if (device != "cpu" && !is_cuda)
    throw UsageError("--device '" + device + "' is neither cpu nor cuda:N");
  if (is_cuda && !at::hasCUDA())
    throw UsageError("--device '" + device +
                     "': this lensbench runs with a libtorch without CUDA, or there is no GPU; use "
                     "--device cpu");
  options.device = at::Device(device);
  return options;
}

}  // namespace lensbench::cli
