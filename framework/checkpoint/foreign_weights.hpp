#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Explains a directory without safetensors weights: what it holds instead and how to convert that.
/// Nothing in it is opened.
std::string explain_missing_weights(const std::filesystem::path& directory);

/// \throws InputError if the configuration says the weights are quantized (GPTQ, AWQ,
/// bitsandbytes…)
void reject_quantized(const nlohmann::json& config, const std::filesystem::path& config_path);

}  // namespace lensbench
