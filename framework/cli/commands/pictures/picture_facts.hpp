#pragma once

#include <lensbench/parameters.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/parse/options.hpp"
#include "session/pictures/picture_store.hpp"

namespace lensbench::cli {

/// Settings of pictures among those of `--set`.
/// \throws UsageError for another setting, or one that is not KEY=VALUE
Settings picture_settings(const Options& options);

/// Sizes and tokens of a picture in one line: `a.png: 211 x 97 pixels, …: 3 x 8 = 24 tokens`.
std::string describe_picture(const PictureFile& picture);
/// Sizes and tokens of a picture as JSON.
nlohmann::json facts_of_picture(const PictureFile& picture);

/// Number of tokens of a picture by its area after resizing, as JSON.
nlohmann::json facts_of_reading(const PictureReading& reading);

/// Adds to the facts about a model what pictures cost, and what those of `--image` do; nothing for
/// a model that reads text only, for which these options are refused.
void add_picture_facts(nlohmann::json& facts, const TransformerSpec& spec,
                       const std::filesystem::path& directory, const Options& options);
/// One line for each fact about pictures: a label and its text.
std::vector<std::pair<std::string, std::string>> picture_lines(const nlohmann::json& facts);

}  // namespace lensbench::cli
