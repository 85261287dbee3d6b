#include "cli/commands/run_arguments.hpp"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <lensbench/error.hpp>
#include <limits>
#include <system_error>

#include "bench/run/case_parts.hpp"

namespace lensbench::cli {
namespace {

/// Pins by name of a tool or experiment: the SHA-256 of a library, or its path.
std::map<std::string, std::string> parse_pins(const std::vector<std::string>& pins) {
  std::map<std::string, std::string> parsed;
  for (const auto& pin : pins) {
    const auto equals = pin.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pin.size())
      throw UsageError("--pin '" + pin + "' is neither NAME=SHA256 nor NAME=PATH");
    const std::string name = pin.substr(0, equals), value = pin.substr(equals + 1);
    // A path is made absolute at once, as the working directory at the time of the command counts.
    const std::string hash_or_path =
        is_sha256(value) ? value : std::filesystem::absolute(value).string();
    if (!parsed.emplace(name, hash_or_path).second)
      throw UsageError("--pin names '" + name + "' twice; pin one library to a name");
  }
  return parsed;
}

/// Reads "0.5" or "0.5s".
double seconds_between_commits(const std::string& text) {
  const char* end = text.data() + text.size() - (text.ends_with('s') ? 1 : 0);
  double seconds = 0;
  const auto read = std::from_chars(text.data(), end, seconds);
  // The comparison is written so that NaN fails too.
  if (read.ec != std::errc() || read.ptr != end || !(seconds >= 0) || !std::isfinite(seconds))
    throw UsageError("--commit-every '" + text +
                     "' is not a number of seconds of at least 0, as in --commit-every 0.5");
  return seconds;
}

}  // namespace

PluginSearch plugin_search(const Options& options) {
  return {options.list("plugin-dir"), options.text("plugin-lock"), parse_pins(options.list("pin")),
          options.flag("allow-insecure-plugins")};
}

PictureArguments picture_arguments(const Options& options) {
  PictureArguments pictures;
  pictures.images = options.list("image");
  pictures.raw_prompts = options.list("raw-prompt");
  pictures.folder = options.text("images");
  if (options.given("answer-prefix")) pictures.answer_prefix = options.text("answer-prefix");
  return pictures;
}

namespace {

std::int64_t block_cases(const Options& options) {
  if (options.count("block") > static_cast<std::uint64_t>(kMostBlockCases))
    throw UsageError("--block is " + options.text("block") + "; expected at most " +
                     std::to_string(kMostBlockCases) + ", or 0 for a number that fits the run");
  return static_cast<std::int64_t>(options.count("block"));
}

Placement placement(const std::string& word) {
  if (word == "stream") return Placement::stream;
  return word == "memory" ? Placement::memory : Placement::automatic;
}

/// Reads what a run asks for, apart from the name of its entry and the plug-ins.
void read_request(const Options& options, RunRequest& request) {
  request.model = options.text("model");
  if (options.given("interventions"))
    request.interventions = read_interventions(options.text("interventions"));
  request.dtype = options.text("dtype");
  request.device = options.text("device");
  request.threads = thread_count(options);
  request.seed = options.count("seed");
  request.profile = options.flag("profile");
  request.share = !options.flag("no-share");
  request.place = placement(options.text("place"));
  request.resume = options.knows("resume") && options.flag("resume");
  request.block_cases = block_cases(options);
  request.commit_every_s = seconds_between_commits(options.text("commit-every"));
  for (const auto& assignment : options.list("set")) add_setting(request.set, assignment);
  if (options.flag("keep-images")) request.set["keep_images"] = "true";
  // The archive keeps the file as it was, not only the options that came from it.
  if (const auto& config = options.config()) request.settings = {config->path, config->text};
}

}  // namespace

/// Translates the options of `run` and `tool` to a request, which programs can also make without a
/// command line.
RunArguments run_arguments(PluginEntryKind kind, const Options& options) {
  RunArguments run;
  RunRequest& request = run.request;
  request.kind = kind;
  request.name = options.operand(0);
  request.plugins = plugin_search(options);
  // Help of a plug-in needs the name and the folders only, and required options may be missing.
  if (options.flag("help")) return run;
  read_request(options, request);
  run.prompts = options.list("prompt");
  run.ids = options.list("ids");
  run.prompts_file = options.text("prompts");
  run.pictures = picture_arguments(options);
  run.out = options.text("out");
  // `plan` has neither of the two.
  if (options.knows("shard") && options.given("shard"))
    run.shard = parse_shard(options.text("shard"));
  run.progress_json = options.knows("progress") && options.text("progress") == "json";
  run.quiet = options.flag("quiet");
  run.json = options.flag("json");
  return run;
}

std::int64_t thread_count(const Options& options) {
  if (options.count("threads") > std::numeric_limits<std::int32_t>::max())
    throw UsageError("--threads is " + options.text("threads") +
                     "; expected a smaller number, or 0 for one per core");
  return static_cast<std::int64_t>(options.count("threads"));
}

/// A later setting replaces an earlier one of the same key.
void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError("--set '" + assignment + "' is not KEY=VALUE, as in --set top_k=5");
  settings[assignment.substr(0, equals)] = assignment.substr(equals + 1);
}

}  // namespace lensbench::cli
