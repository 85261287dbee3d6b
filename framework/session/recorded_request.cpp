#include "session/recorded_request.hpp"

#include <filesystem>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"
#include "session/find_model.hpp"
#include "session/pictures/chat_prompt.hpp"
#include "session/pictures/picture_fields.hpp"

// Request of a recorded run, for `replay`. The archive may come from anybody, so it decides what is
// computed, but never from where code is loaded.

namespace lensbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Recorded directory of the model, or the one that now holds its files.
std::string model_directory(const RecordedRun& archive, const Warn& warn) {
  const auto recorded = archive.run.value("model_directory", std::string());
  const auto found = find_model(archive.files, recorded);
  if (!found || *found == fs::path(recorded)) return recorded;
  warn("model: not at " + recorded + " any more; the same files are at " + found->string());
  return found->string();
}

std::string request_path(const RecordedRun& recorded) {
  return recorded.file + "/recipe/request";
}

// Turns errors from JSON of another shape than a run writes into InputError.
template <class Read>
auto checked(const RecordedRun& recorded, Read read) {
  try {
    return read();
  } catch (const json::exception& error) {
    throw InputError(request_path(recorded) + ": not a request that a run writes: " + error.what());
  }
}

RunRequest read_request(const RecordedRun& recorded, const std::string& model, const Warn& warn) {
  const std::string where = request_path(recorded);
  const json& run = recorded.run;
  const JsonReader asked(recorded.request, where);
  RunRequest request;
  request.kind =
      asked.at("kind").string() == "tool" ? PluginEntryKind::tool : PluginEntryKind::experiment;
  request.name = asked.at("name").string();
  request.set = asked.at("parameters").value().get<std::map<std::string, std::string>>();
  request.dtype = asked.at("dtype").string();
  request.device = asked.at("device").string();
  request.seed = asked.at("seed").value().get<std::uint64_t>();
  // The number of threads changes the last bits, so that of the archive is used.
  request.threads = recorded.environment.value("threads", std::int64_t{0});
  // A model that the user names has precedence over the recorded one.
  request.model = model.empty() ? model_directory(recorded, warn) : model;
  for (const auto& [name, value] :
       recorded.request.value("pictures", std::map<std::string, std::string>()))
    request.set[name] = value;
  // Archives of format 1 call them `other_models`.
  for (const char* key : {"other_models", "parameter_paths"})
    for (const auto& [name, path] : run.value(key, std::map<std::string, std::string>()))
      request.set[name] = path;
  if (const auto interventions = asked.find("interventions"))
    request.interventions = interventions_from_json(interventions->value().dump(), where);
  return request;
}

constexpr JsonLimits kFieldLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};
using Fields = std::map<std::string, std::string>;

/// Other fields of a case. They are JSON within the archive and may be damaged.
Fields fields_of(const RecordedRun& recorded, const CaseRecord& record) {
  if (record.fields.empty()) return {};
  const std::string where = recorded.file + "/recipe/fields of case '" + record.id + "'";
  try {
    return parse_json(record.fields, where, kFieldLimits).get<Fields>();
  } catch (const json::exception& error) {
    throw InputError(where + ": not the fields of a case: " + error.what());
  }
}

/// Places of the pictures of all cases, as they were then or in a folder.
std::vector<fs::path> picture_places(const RecordedRun& recorded, const std::string& folder) {
  std::vector<fs::path> places;
  const auto then = recorded.run.value("picture_paths", std::vector<std::string>());
  for (std::size_t i = 0; i < recorded.pictures.size(); ++i) {
    const RecordedPicture& picture = recorded.pictures[i];
    // A name from an archive must not lead out of the folder.
    const fs::path name = fs::path(picture.name).filename();
    places.push_back(!folder.empty() ? folder / name : i < then.size() ? fs::path(then[i]) : name);
    std::error_code error;
    if (!fs::exists(places.back(), error))
      throw InputError(recorded.file + ": the picture '" + picture.name + "' is not at " +
                       places.back().string() +
                       "; name the folder that has it with --file images=FOLDER");
  }
  return places;
}

/// Gives the cases their pictures.
void add_pictures(std::vector<CaseInput>& cases, const RecordedRun& recorded,
                  const std::string& folder) {
  const std::vector<fs::path> places = picture_places(recorded, folder);
  std::vector<std::vector<std::string>> of_cases(cases.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t number = recorded.pictures[i].case_number;
    if (number >= cases.size())
      throw InputError(recorded.file + ": damaged: a picture of case " + std::to_string(number) +
                       ", but there are " + std::to_string(cases.size()) + " cases");
    of_cases[number].push_back(places[i].string());
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!of_cases[i].empty()) cases[i].fields[kImagesField] = images_field(of_cases[i]);
    // The archive has the whole text, in which `{image}` does not mark a picture.
    if (!of_cases[i].empty() || has_picture_mark(cases[i].text))
      cases[i].fields[kRawPromptField] = "true";
  }
}

std::vector<CaseInput> read_cases(const RecordedRun& recorded, const std::string& folder) {
  // Archives of earlier versions hold the fields of all cases in the request.
  const json earlier = recorded.request.value("case_fields", json::object());
  if (!earlier.is_object())
    throw InputError(request_path(recorded) + ": field case_fields: expected an object");
  std::vector<CaseInput> cases;
  for (const CaseRecord& record : recorded.cases) {
    CaseInput input;
    input.id = record.id;
    input.text = record.text;
    // A case that was given as ids has an empty text.
    if (record.text.empty()) input.ids = record.ids;
    input.fields = earlier.contains(record.id) ? earlier[record.id].get<Fields>()
                                               : fields_of(recorded, record);
    cases.push_back(std::move(input));
  }
  add_pictures(cases, recorded, folder);
  return cases;
}

}  // namespace

RunRequest recorded_request(const RecordedRun& recorded, const std::string& model,
                            const Warn& warn) {
  return checked(recorded, [&] { return read_request(recorded, model, warn); });
}

std::vector<CaseInput> recorded_cases(const RecordedRun& recorded, const std::string& pictures) {
  return checked(recorded, [&] { return read_cases(recorded, pictures); });
}

/// The file of prompts itself need not exist: its texts are in the archive.
std::vector<FileRecord> recorded_inputs(const RecordedRun& recorded) {
  auto records = recorded.files;
  std::erase_if(records, [](const FileRecord& file) { return file.role != "prompts"; });
  return records;
}

}  // namespace lensbench
