#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace lensbench {

/// How the matrices of a checkpoint are quantized, as `quantization_config` of config.json says.
struct Quantization {
  /// FP8 with scales of blocks (DeepSeek-V3), MXFP4 (gpt-oss), GPTQ and AWQ of 4 bits, int8 and FP8
  /// of compressed-tensors, blocks of a GGUF file.
  enum class Method { fp8, mxfp4, gptq, awq, compressed, gguf };

  Method method = Method::fp8;
  std::string name;   ///< `quant_method`
  std::string place;  ///< file and field, for messages
  /// Size of the blocks that share a scale; 0: the whole matrix has one.
  std::int64_t block_rows = 0, block_columns = 0;
  /// Inputs of an output that share a scale; 0: all of them.
  std::int64_t group_size = 0;
  std::int64_t zero_offset = 0;  ///< of GPTQ: zeros are stored minus this
  bool act_order = false;        ///< of GPTQ: the groups may have inputs that are not adjacent
  bool quantized_activations = false;  ///< whether a GPU would quantize what the matrices multiply
};

/// Reads `quantization_config` of config.json.
/// \return nullopt for plain weights
/// \throws InputError for a method or a setting that is not supported, by name
std::optional<Quantization> read_quantization(const nlohmann::json& config,
                                              const std::filesystem::path& config_path);

}  // namespace lensbench
