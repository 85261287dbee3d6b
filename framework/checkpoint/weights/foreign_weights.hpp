#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Message about a folder that holds a PEFT adapter and not a whole model, and what to do about it;
/// empty for any other folder.
std::string explain_adapter(const std::filesystem::path& directory);

/// Message about a directory without safetensors weights: the weights that it has and the command
/// that converts them. Of the files, only the beginning of one is read.
/// \param config  content of config.json; null if it is missing
/// \throws InputError if the weights are a Git LFS pointer
std::string explain_missing_weights(const std::filesystem::path& directory,
                                    const nlohmann::json& config);

/// Whether a directory contains GGUF or pickled weights.
bool has_foreign_weights(const std::filesystem::path& directory);

/// The GGUF file of a folder; empty if it has none.
/// \throws InputError if it has several, or if the file is a Git LFS pointer
std::filesystem::path gguf_file(const std::filesystem::path& directory);

/// Message about a weights file that was given as a model; empty if it is not a weights file.
std::string explain_weight_file(const std::filesystem::path& file);

/// Refuses quantized weights of any method, with the command that makes plain ones. It is for
/// methods that are not read (bitsandbytes, …), and for commands that make weights.
/// \throws InputError if the configuration or a file in its directory describes a quantization
void reject_quantized(const nlohmann::json& config, const std::filesystem::path& config_path);

}  // namespace lensbench
