#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "checkpoint/find_model.hpp"
#include "cli/commands.hpp"
#include "cli/parse/options.hpp"
#include "core/text/suggest.hpp"
#include "session/recorded_run.hpp"
#include "session/run_session.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A folder that goes away.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "lensbench-replay-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw RunError("no temporary folder can be made in " + fs::temp_directory_path().string());
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Reads what an archive's JSON must hold. \throws InputError naming the field
template <class T>
T field(const json& object, const char* name, const std::string& where) {
  try {
    return object.at(name).get<T>();
  } catch (const json::exception&) {
    throw InputError(where + ": field '" + name + "' is missing or of another type");
  }
}

/// The files a run read that are no model's: they are gone, their content is in the cases.
std::vector<FileRecord> input_records(const RecordedRun& recorded) {
  auto records = recorded.files;
  std::erase_if(records, [](const FileRecord& file) { return file.role != "prompts"; });
  return records;
}

/// Where it was, or where its files are now.
std::string place_of_model(const RecordedRun& archive) {
  const auto recorded = archive.run.value("model_directory", std::string());
  const auto found = find_model(archive.files, recorded);
  if (!found || *found == fs::path(recorded)) return recorded;
  std::cerr << "lensbench: the model is no longer at " << recorded << "; its files are at "
            << found->string() << "\n";
  return found->string();
}

std::vector<CaseInput> recorded_cases(const RecordedRun& recorded) {
  const json fields = recorded.request.value("case_fields", json::object());
  std::vector<CaseInput> cases;
  for (const CaseRecord& record : recorded.cases) {
    CaseInput input;
    input.id = record.id;
    input.text = record.text;
    if (record.text.empty()) input.ids = record.ids;
    if (fields.contains(record.id))
      input.fields = fields[record.id].get<std::map<std::string, std::string>>();
    cases.push_back(std::move(input));
  }
  return cases;
}

RunArguments recorded_arguments(const RecordedRun& recorded, const Options& options) {
  const std::string where = recorded.file + "/recipe/request";
  const json &request = recorded.request, &run = recorded.run;
  RunArguments arguments;
  arguments.name = field<std::string>(request, "name", where);
  arguments.set = field<std::map<std::string, std::string>>(request, "parameters", where);
  arguments.dtype = field<std::string>(request, "dtype", where);
  arguments.device = field<std::string>(request, "device", where);
  arguments.seed = field<std::uint64_t>(request, "seed", where);
  arguments.threads = recorded.environment.value("threads", std::int64_t{0});
  arguments.model =
      options.text("model").empty() ? place_of_model(recorded) : options.text("model");
  const auto others = run.value("other_models", std::map<std::string, std::string>());
  for (const auto& [name, place] : others) arguments.set[name] = place;
  for (const auto& assignment : options.list("set")) add_setting(arguments.set, assignment);
  if (options.given("threads")) arguments.threads = thread_count(options);
  arguments.plugins = plugin_arguments(options);
  if (request.contains("interventions"))
    arguments.interventions = interventions_from_json(request["interventions"].dump(), where);
  arguments.quiet = options.flag("quiet");
  return arguments;
}

/// Finds the tool or experiment. Code is never loaded from where an archive says: anybody may have
/// made it, beside a library of the same making.
std::unique_ptr<RunSession> find_entry(const RecordedRun& recorded, PluginEntryKind kind,
                                       RunArguments arguments) {
  const auto then = recorded.run.value("plugin_directories", std::vector<std::string>());
  const bool helps = arguments.plugins.dirs.empty() && !then.empty();
  try {
    return std::make_unique<RunSession>(kind, std::move(arguments));
  } catch (const PluginError& error) {
    if (!helps) throw;
    throw PluginError(error.fault(), error.what() +
                                         ("\n  the run also looked in " + join(then, ", ")) +
                                         ": give it as --plugin-dir if you trust what is there");
  }
}

/// The run as it was asked for, ready to be asked again.
std::unique_ptr<RunSession> recorded_session(const RecordedRun& recorded, const Options& options) {
  const std::string where = recorded.file + "/recipe/request";
  const bool tool = field<std::string>(recorded.request, "kind", where) == "tool";
  RunArguments arguments;
  std::vector<CaseInput> cases;
  try {
    arguments = recorded_arguments(recorded, options);
    cases = recorded_cases(recorded);
  } catch (const json::exception& error) {
    throw InputError(where + ": not what a run writes: " + error.what());
  }
  auto session = find_entry(recorded, tool ? PluginEntryKind::tool : PluginEntryKind::experiment,
                            std::move(arguments));
  session->prepare(std::move(cases), input_records(recorded));
  return session;
}

void refuse_other_request(const std::string& file, const RunPlan& plan, bool allowed) {
  const auto differences = recipe_differences(file, plan);
  if (differences.empty()) return;
  std::string text;
  for (const FactDifference& fact : differences)
    text += "\n  " + fact.where + ": " + (fact.first.empty() ? "none" : fact.first) + " then, " +
            (fact.second.empty() ? "none" : fact.second) + " now";
  if (!allowed)
    throw InputError(file +
                     ": what it was made with is not what is here; give the right --model, "
                     "--plugin-dir or --set, or run it all the same with --allow-different:" +
                     text);
  std::cerr << "lensbench: no replay, since the request is another one:" << text << "\n";
}

std::string verdict(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (!difference.same_recipe())
    return "not a replay: another request; results " + to_string(results);
  if (results == Agreement::identical) return "REPLAYED: identical in every bit";
  if (difference.same_environment())
    return "NOT DETERMINISTIC: the same request in the same environment gave other bits";
  if (results == Agreement::within_tolerance)
    return "REPLAYED: within tolerance, in another environment";
  return "DIFFERENT: not the answer of the archive";
}

bool is_same_answer(const ArchiveDifference& difference) {
  const Agreement results = difference.results();
  if (results == Agreement::identical) return true;
  return results == Agreement::within_tolerance && !difference.same_environment();
}

int compare(const fs::path& file, const fs::path& out, bool as_json) {
  const ArchiveDifference difference = diff_archives(ArchiveReader(file), ArchiveReader(out));
  if (as_json) {
    json report = to_json(difference);
    report["verdict"] = verdict(difference);
    std::cout << report.dump(1) << "\n";
  } else {
    std::cout << describe(difference) << verdict(difference) << "\n";
  }
  return is_same_answer(difference) ? 0 : 1;
}

int replay(const Options& options) {
  const std::string file = options.operand(0);
  const auto session = recorded_session(read_recorded_run(file), options);
  refuse_other_request(file, session->plan(), options.flag("allow-different"));

  const Scratch scratch;
  const fs::path out =
      options.text("out").empty() ? scratch.path() / "replay.h5" : fs::path(options.text("out"));
  const auto outcome = session->execute(out, options.arguments(), nullptr);
  session->say_failures(outcome.report);
  if (!outcome.sealed) {
    std::cerr << "lensbench: the replay did not end, so there is nothing to compare\n";
    return outcome.exit_code();
  }
  return in_child({{file, out}}, [&] { return compare(file, out, options.flag("json")); });
}

}  // namespace

Command replay_command() {
  auto model = model_option();
  model.required = false;
  model.help = "where the model is now (default: where it was)";
  auto threads = threads_option();
  threads.help = "threads to compute with (default: as many as then); 0: one a core";
  threads.initial = "";
  std::vector<Option> options = {
      model,
      {.name = "set",
       .argument = "KEY=DIR",
       .help = "where another model is that the request uses",
       .repeats = true},
      {.name = "out",
       .argument = "FILE",
       .help = "keep the new archive (otherwise it is removed)",
       .values = Values::archive},
      {.name = "allow-different",
       .argument = "",
       .help = "run all the same, and say that this is no replay"},
      threads,
      json_option("the comparison for a script"),
      {.name = "quiet", .argument = "", .help = "no progress", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {.name = "replay",
          .group = "Archives",
          .summary = "ask again, and compare the answers",
          .description =
              R"(Asks an archive's request again, from what the archive says, and compares the
answers variable by variable. The model is looked for where it was, then by the SHA-256
of its files beside that place and in the local hub cache. Its files, the tokenizer and the
plug-ins must be the very ones (by SHA-256); what is not is named, and refused.

With the environment of then the bits must be the same. In another one (threads, BLAS kernel, CPU,
versions) floats may differ by 1e-5 * max|a| + 1e-7, or what the variable declares.

Exit code 0: the same answer. 1: another answer. 2: wrong usage. 3: the archive, the model or a plug-in
is not there or is not the one. 4: a plug-in could not be loaded. 5: the run failed.)",
          .operands = {{"FILE", "an archive", Values::archive}},
          .options = std::move(options),
          .examples = {{"lensbench replay results/mine.h5", "is the answer the same, bit by bit?"}},
          .run = replay};
}

}  // namespace lensbench::cli
