#pragma once

#include <cmath>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <string_view>

#include "checkpoint/config.hpp"
#include "core/text/json.hpp"
#include "model/families/family.hpp"

namespace lensbench::fuzz {

/// Any config.json is either refused with an InputError or gives a spec that a forward can be made
/// of.
inline void read_config(std::string_view bytes) {
  try {
    const nlohmann::json json = parse_json(bytes, "fuzz");
    const ConfigReader config(json, "fuzz");
    const TransformerSpec spec = find_family(config).read_spec(config);
    const AttentionSpec& attention = spec.attention;
    const bool sizes = spec.n_layers > 0 && spec.d_model > 0 && spec.vocab_size > 0 &&
                       spec.max_positions > 0 && attention.n_heads > 0 && attention.d_head > 0 &&
                       attention.n_key_value_heads > 0 && spec.mlp.d_mlp > 0 &&
                       attention.n_heads % attention.n_key_value_heads == 0;
    const auto layers = static_cast<std::size_t>(spec.n_layers);
    const bool lists = (attention.windows.empty() || attention.windows.size() == layers) &&
                       (attention.layer_scale.empty() || attention.layer_scale.size() == layers);
    const bool rotary =
        !spec.rope || (spec.rope->rotary_dim <= attention.d_head && spec.rope->rotary_dim % 2 == 0);
    if (!sizes || !lists || !rotary || !std::isfinite(attention.scale)) std::abort();
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
