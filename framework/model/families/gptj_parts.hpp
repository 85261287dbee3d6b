#pragma once

#include <string_view>

#include "model/families/config_parts.hpp"

namespace lensbench {

/// GPT-J: attention and MLP in parallel on the output of one norm, attention without biases, an
/// unembedding with one. CodeGen has the same settings.
TransformerSpec read_gptj(const ConfigReader& config, std::string_view family);

}  // namespace lensbench
