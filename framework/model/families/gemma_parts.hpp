#pragma once

#include <string_view>

#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {

/// Spec fields that all Gemma models share: gains stored minus one, embeddings scaled by
/// sqrt(d_model), a tied unembedding unless the config says otherwise.
TransformerSpec read_gemma(const ConfigReader& config, DecoderDefaults defaults);

/// Factor on scores: 1 / sqrt(`query_pre_attn_scalar`).
double query_scale(const ConfigReader& config);

/// Reads a soft cap; null or 0 means none.
double softcap_or(const ConfigReader& config, std::string_view field, double otherwise);

}  // namespace lensbench
