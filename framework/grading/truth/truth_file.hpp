#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Name of the file in the folder of a checkpoint.
inline constexpr const char* kTruthFile = "truth.json";

/// Truth of the checkpoint in a folder, checked against the checkpoint. Unknown keys are ignored.
/// \throws InputError that names file and field: a missing or malformed field, SHA-256 of other
///   files, a token, layer, component or position that the model does not have, tables of other
///   sizes, prompts of unequal length, a number that is not finite
Truth read_truth(const std::filesystem::path& folder);

/// Truth as JSON of the format `lensbench-truth/1`.
nlohmann::json to_json(const Truth& truth);

/// Truth of such JSON, without a checkpoint to check it against.
/// \param file  named in messages
/// \throws InputError for a missing or malformed field
Truth parse_truth(const nlohmann::json& json, const std::string& file);

/// Writes `truth.json` next to `config.json` and `model.safetensors` of a folder, with their
/// SHA-256, which replace those of `truth`. \throws InputError if a file cannot be read; RunError
void write_truth(Truth truth, const std::filesystem::path& folder);

}  // namespace lensbench::grading
