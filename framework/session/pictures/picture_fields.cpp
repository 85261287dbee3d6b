#include "session/pictures/picture_fields.hpp"

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "core/text/json.hpp"

// Cases carry their pictures in their other fields, which every way to a run has: the command line,
// files of prompts, and programs.

namespace lensbench {
namespace {

/// A JSON array of texts, or one file name.
std::vector<std::string> files_in(const CaseInput& input, const std::string& text) {
  if (!text.starts_with('[')) return {text};
  const std::string subject = "case '" + input.id + "': field '" + kImagesField + "'";
  const auto refuse = [&]() -> UsageError {
    return UsageError(subject + " is " + text +
                      R"(; expected names of files, as in ["one.jpg", "two.png"])");
  };
  nlohmann::json list;
  try {
    list = parse_json(text, subject);
  } catch (const InputError&) {
    throw refuse();
  }
  std::vector<std::string> files;
  for (const nlohmann::json& one : list) {
    if (!one.is_string() || one.get_ref<const std::string&>().empty()) throw refuse();
    files.push_back(one.get<std::string>());
  }
  if (files.empty()) throw refuse();
  return files;
}

}  // namespace

std::string images_field(const std::vector<std::string>& files) {
  // Names of files may be any bytes; what is not UTF-8 cannot be a JSON text.
  try {
    return nlohmann::json(files).dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("pictures: the name of a file is not valid UTF-8; rename the file");
  }
}

CasePictures take_pictures(CaseInput& input) {
  CasePictures taken;
  auto raw = input.fields.extract(kRawPromptField);
  taken.raw = raw && raw.mapped() == "true";
  const auto images = input.fields.extract(kImagesField);
  if (!images) return taken;
  taken.images = files_in(input, images.mapped());
  if (const auto prefix = input.fields.extract(kAnswerPrefixField))
    taken.answer_prefix = prefix.mapped();
  if (input.text.empty())
    throw UsageError("case '" + input.id +
                     "': has pictures, but its prompt is given as ids; give a " +
                     "text, in which each picture has one placeholder");
  if (taken.raw && !taken.answer_prefix.empty())
    throw UsageError("case '" + input.id +
                     "': a raw prompt is the whole text; write the beginning of the answer at its "
                     "end, and leave out answer_prefix");
  return taken;
}

}  // namespace lensbench
