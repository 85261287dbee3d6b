#include "cli/commands/pictures/picture_facts.hpp"

#include <lensbench/error.hpp>
#include <utility>
#include <vector>

#include "cli/commands/run_arguments.hpp"
#include "core/parameters/picture_parameters.hpp"
#include "core/text/suggest.hpp"

// What a picture costs, before anything is computed.

namespace lensbench::cli {
namespace {

std::string size_text(const nlohmann::json& size) {
  return std::to_string(size[0].get<std::int64_t>()) + " x " +
         std::to_string(size[1].get<std::int64_t>());
}

std::string line_of(const nlohmann::json& facts) {
  const auto& tokens = facts["tokens"];
  const std::int64_t count = tokens[0].get<std::int64_t>() * tokens[1].get<std::int64_t>();
  return facts["file"].get<std::string>() + ": " + size_text(facts["upright"]) +
         " pixels, resized to " + size_text(facts["resized"]) + ": " + size_text(tokens) + " = " +
         std::to_string(count) + (count == 1 ? " token" : " tokens");
}

}  // namespace

Settings picture_settings(const Options& options) {
  Settings settings;
  for (const auto& assignment : options.list("set")) add_setting(settings, assignment);
  std::vector<std::string> known;
  for (const auto& parameter : picture_parameters()) known.push_back(parameter.name);
  for (const auto& [name, value] : settings)
    if (!is_picture_parameter(name))
      throw UsageError("--set " + name + ": is not a setting of pictures" + suggest(name, known));
  return settings;
}

nlohmann::json facts_of_picture(const PictureFile& picture) {
  const PictureRecord& record = picture.record;
  return {{"file", picture.path},
          {"sha256", record.sha256},
          {"rgb_sha256", record.rgb_sha256},
          {"format", record.format},
          {"changes", record.changes},
          {"orientation", record.orientation},
          {"stored", {record.stored_width, record.stored_height}},
          {"upright", {record.upright_width, record.upright_height}},
          {"resized", {record.resized_width, record.resized_height}},
          {"tokens", {record.token_columns, record.token_rows}}};
}

std::string describe_picture(const PictureFile& picture) {
  return line_of(facts_of_picture(picture));
}

nlohmann::json facts_of_reading(const PictureReading& reading) {
  const std::int64_t side = reading.settings.shape.token_side(), area = side * side;
  const vision::PixelLimits& limits = reading.settings.limits;
  return {{"token_side", side},
          {"settings", reading.values},
          {"least_tokens", (limits.min_pixels + area - 1) / area},
          {"most_tokens", limits.max_pixels / area}};
}

void add_picture_facts(nlohmann::json& facts, const TransformerSpec& spec,
                       const std::filesystem::path& directory, const Options& options) {
  const Settings settings = picture_settings(options);
  if (!spec.vision) {
    if (settings.empty() && options.list("image").empty()) return;
    throw UsageError("model info: pictures are asked about, but models of family '" + spec.family +
                     "' read text only; leave out --image and --set");
  }
  PictureStore store(picture_reading(*spec.vision, directory, settings), 0);
  nlohmann::json& pictures = facts["pictures"];
  pictures = facts_of_reading(store.reading());
  pictures["files"] = nlohmann::json::array();
  for (const std::string& path : options.list("image"))
    pictures["files"].push_back(facts_of_picture(store.files()[store.add(path)]));
}

std::vector<std::pair<std::string, std::string>> picture_lines(const nlohmann::json& facts) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto found = facts.find("pictures");
  if (found == facts.end()) return lines;
  const auto& pictures = *found;
  const std::string side = std::to_string(pictures["token_side"].get<std::int64_t>());
  const auto setting = [&](const char* name) {
    return pictures["settings"][name].get<std::string>();
  };
  lines.emplace_back("pictures",
                     "resized to " + setting("min_pixels") + " to " + setting("max_pixels") +
                         " pixels, a token for " + side + " x " + side + ": " +
                         std::to_string(pictures["least_tokens"].get<std::int64_t>()) + " to " +
                         std::to_string(pictures["most_tokens"].get<std::int64_t>()) +
                         " tokens each (--set max_pixels=N)");
  for (const auto& file : pictures["files"]) lines.emplace_back("picture", line_of(file));
  return lines;
}

}  // namespace lensbench::cli
