#include "model/families/gemma_parts.hpp"

#include <cmath>
#include <utility>

namespace lensbench {

TransformerSpec read_gemma(const ConfigReader& config, DecoderDefaults defaults) {
  // The norms of Gemma apply the gain before the result is rounded to half precision, and store it
  // minus one; `wide_gain` and `gain_plus_one` describe this.
  defaults.norm = {.kind = NormKind::rms_norm,
                   .epsilon = 1e-6,
                   .gain_plus_one = true,
                   .has_bias = false,
                   .wide_gain = true};
  defaults.tied = true;
  TransformerSpec spec = read_decoder(config, defaults);
  config.require_absent_or("use_bidirectional_attention", false);
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.d_model));
  return spec;
}

double query_scale(const ConfigReader& config) {
  return 1.0 / std::sqrt(config.number_or("query_pre_attn_scalar", 256.0, kPositive));
}

double softcap_or(const ConfigReader& config, std::string_view field, double otherwise) {
  return config.is_null(field) ? 0.0 : config.number_or(field, otherwise, kPositive);
}

}  // namespace lensbench
