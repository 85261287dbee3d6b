#include "session/recorded_run.hpp"

#include <lensbench/error.hpp>

#include "archive/digest/verify.hpp"
#include "archive/sandbox/guard.hpp"
#include "core/text/json.hpp"

// Archive read for a replay. The child process that parses it returns JSON, which the parent parses
// again within limits: no structure of HDF5 from elsewhere is read in the process that loads models
// and plug-ins.

namespace lensbench {
namespace {

using nlohmann::json;

constexpr JsonLimits kLimits = {.max_bytes = std::size_t{1} << 30, .max_depth = 80};

json cases_of(const ArchiveReader& archive) {
  json list = json::array();
  for (const CaseRecord& one : archive.cases())
    list.push_back({{"id", one.id}, {"text", one.text}, {"ids", one.ids}, {"fields", one.fields}});
  return list;
}

json files_of(const ArchiveReader& archive) {
  json list = json::array();
  const Dataset recipe = archive.recipe();
  for (std::size_t i = 0; i < recipe["file_role"].strings.size(); ++i)
    list.push_back(
        {{"role", recipe["file_role"].strings[i]},
         {"name", recipe["file_name"].strings.at(i)},
         {"sha256", recipe["file_sha256"].strings.at(i)},
         {"bytes",
          recipe["file_bytes"].tensor[static_cast<std::int64_t>(i)].item<std::int64_t>()}});
  return list;
}

json pictures_of(const ArchiveReader& archive) {
  json list = json::array();
  const Dataset recipe = archive.recipe();
  if (!recipe.contains("image_case")) return list;
  for (std::size_t i = 0; i < recipe["image_name"].strings.size(); ++i)
    list.push_back(
        {{"case", recipe["image_case"].tensor[static_cast<std::int64_t>(i)].item<std::int64_t>()},
         {"name", recipe["image_name"].strings[i]},
         {"sha256", recipe["image_file_sha256"].strings.at(i)}});
  return list;
}

/// Runs in the child. A damaged archive is refused before anything is repeated.
std::string text_of(const std::string& file) {
  const VerifyResult result = verify_archive(file);
  if (!result.intact) throw InputError(file + ": damaged: " + result.findings.front());
  const ArchiveReader archive(file);
  return json{{"format", archive.format()},           {"request", archive.request()},
              {"environment", archive.environment()}, {"run", archive.run()},
              {"cases", cases_of(archive)},           {"files", files_of(archive)},
              {"pictures", pictures_of(archive)}}
      .dump();
}

}  // namespace

/// The members exist and have these types, because `text_of` wrote them.
RecordedRun read_recorded_run(const std::string& file) {
  json all = parse_json(ask_child({{file}}, [&] { return text_of(file); }), file, kLimits);
  RecordedRun recorded{file, all["request"], all["environment"], all["run"], {}, {},
                       {},   all["format"]};
  for (const json& one : all["cases"]) {
    CaseRecord record;
    record.id = one["id"];
    record.text = one["text"];
    record.ids = one["ids"].get<std::vector<std::int64_t>>();
    record.fields = one["fields"];
    recorded.cases.push_back(std::move(record));
  }
  for (const json& one : all["files"])
    recorded.files.push_back({one["role"], one["name"], one["sha256"], one["bytes"]});
  for (const json& one : all["pictures"])
    recorded.pictures.push_back({one["case"].get<std::size_t>(), one["name"], one["sha256"]});
  return recorded;
}

std::string earlier_format_note(const RecordedRun& recorded) {
  if (recorded.format >= kArchiveFormat) return "";
  const auto fact = [&](const char* name) {
    const auto found = recorded.environment.find(name);
    const bool is_text = found != recorded.environment.end() && found->is_string();
    return is_text ? found->get<std::string>() : std::string("unknown");
  };
  return recorded.file + ": the archive has format " + std::to_string(recorded.format) +
         ", made by lensbench " + fact("lensbench") + " (commit " + fact("git_commit") +
         "); this lensbench makes format " + std::to_string(kArchiveFormat);
}

/// The comparison is made in the child too, since it reads the archive.
std::vector<FactDifference> recipe_differences(const std::string& file, const RunPlan& plan) {
  const std::string text = ask_child({{file}}, [&] {
    json list = json::array();
    for (const FactDifference& fact : diff_recipe(ArchiveReader(file), plan))
      list.push_back({fact.where, fact.first, fact.second});
    // Texts in the archive may be any bytes; invalid ones are replaced for the message.
    return list.dump(-1, ' ', false, json::error_handler_t::replace);
  });
  std::vector<FactDifference> differences;
  for (const json& fact : parse_json(text, file, kLimits))
    differences.push_back({fact[0], fact[1], fact[2]});
  return differences;
}

}  // namespace lensbench
