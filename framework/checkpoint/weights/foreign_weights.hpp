#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Explains a directory without safetensors weights: what it holds instead and the command that
/// converts it. Nothing in it is opened.
/// \param config  of the directory; null if it has none
std::string explain_missing_weights(const std::filesystem::path& directory,
                                    const nlohmann::json& config);

/// Whether a directory holds GGUF or pickled weights.
bool holds_foreign_weights(const std::filesystem::path& directory);

/// As above for one file that was named as a model; empty if it is no weights file.
std::string explain_weight_file(const std::filesystem::path& file);

/// \throws InputError if the configuration, or a file beside it, says that the weights are
/// quantized
///   (GPTQ, AWQ, bitsandbytes…)
void reject_quantized(const nlohmann::json& config, const std::filesystem::path& config_path);

}  // namespace lensbench
