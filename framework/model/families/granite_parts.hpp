#pragma once

#include "model/families/decoder_parts.hpp"

namespace lensbench {

/// Llama with the multipliers of Granite, and the biases that its config asks for.
TransformerSpec read_granite(const ConfigReader& config, std::string_view family);

}  // namespace lensbench
