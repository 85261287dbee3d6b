#include "model/families/config_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace lensbench {
namespace {

using Scaling = RopeSpec::Scaling;

Scaling read_scaling(const ConfigReader& rope) {
  const char* field = rope.has("rope_type") ? "rope_type" : "type";
  const std::string name = rope.string_or(field, "default");
  constexpr std::array<std::pair<std::string_view, Scaling>, 5> known = {
      {{"default", Scaling::none},
       {"linear", Scaling::linear},
       {"dynamic", Scaling::dynamic},
       {"llama3", Scaling::llama3},
       {"yarn", Scaling::yarn}}};
  for (const auto& [type, scaling] : known)
    if (type == name) return scaling;
  rope.fail(field, "is \"" + name +
                       "\", which is not supported; supported: default, linear, dynamic, llama3, "
                       "yarn");
}

void read_llama3(const ConfigReader& rope, RopeSpec& spec) {
  spec.low_frequency_factor = rope.number("low_freq_factor", kPositive);
  spec.high_frequency_factor = rope.number("high_freq_factor", kPositive);
  if (spec.low_frequency_factor == spec.high_frequency_factor)
    rope.fail("high_freq_factor", "equals low_freq_factor; they must differ");
}

void read_yarn(const ConfigReader& rope, RopeSpec& spec) {
  const auto or_default = [&](const char* field, double otherwise) {
    const double value = rope.number_or(field, otherwise);
    return value == 0.0 ? otherwise : value;
  };
  spec.beta_fast = or_default("beta_fast", 32.0);
  spec.beta_slow = or_default("beta_slow", 1.0);
  spec.truncate = rope.boolean_or("truncate", true);
  spec.attention_factor = rope.optional_number("attention_factor", kPositive);
  spec.mscale = rope.optional_number("mscale");
  spec.mscale_all_dim = rope.optional_number("mscale_all_dim");
}

/// The settings of a scaling other than `default`.
void read_scaled(const ConfigReader& config, const ConfigReader& rope, std::int64_t max_positions,
                 RopeSpec& spec) {
  spec.original_max_positions = max_positions;
  if (spec.scaling == Scaling::llama3 || spec.scaling == Scaling::yarn) {
    constexpr const char* field = "original_max_position_embeddings";
    spec.original_max_positions = config.integer_or(field, rope.integer_or(field, max_positions));
  }
  const bool derived = spec.scaling == Scaling::yarn && !rope.has("factor");
  spec.factor = derived ? static_cast<double>(max_positions) /
                              static_cast<double>(spec.original_max_positions)
                        : rope.number("factor", kPositive);
  if (spec.scaling == Scaling::llama3) read_llama3(rope, spec);
  if (spec.scaling == Scaling::yarn) read_yarn(rope, spec);
  if (spec.scaling == Scaling::dynamic && spec.rotary_dim <= 2)
    rope.fail("rope_type", "is \"dynamic\" with a head size of 2; it needs more");
}

}  // namespace

Activation read_activation(const ConfigReader& config, std::string_view field,
                           std::string_view otherwise) {
  const std::string name = config.string_or(field, otherwise);
  constexpr std::array<std::pair<std::string_view, Activation>, 11> known = {
      {{"gelu", Activation::gelu},
       {"gelu_python", Activation::gelu},
       {"gelu_new", Activation::gelu_tanh},
       {"gelu_fast", Activation::gelu_tanh},
       {"gelu_accurate", Activation::gelu_tanh},
       {"gelu_pytorch_tanh", Activation::gelu_tanh},
       {"gelu_python_tanh", Activation::gelu_tanh},
       {"quick_gelu", Activation::quick_gelu},
       {"relu", Activation::relu},
       {"silu", Activation::silu},
       {"swish", Activation::silu}}};
  std::string names;
  for (const auto& [known_name, activation] : known) {
    if (known_name == name) return activation;
    names += (names.empty() ? "" : ", ") + std::string(known_name);
  }
  config.fail(field, "is \"" + name + "\", which is not supported; supported: " + names);
}

RopeSpec read_rope(const ConfigReader& config, std::int64_t rotary_dim,
                   std::int64_t max_positions) {
  config.require_absent_or("partial_rotary_factor", 1.0);
  for (const char* field : {"rope_scaling", "rope_parameters"})
    if (const auto rope = config.object(field))
      rope->require_absent_or("partial_rotary_factor", 1.0);
  return read_partial_rope(config, rotary_dim, max_positions, {});
}

RopeSpec read_partial_rope(const ConfigReader& config, std::int64_t d_head,
                           std::int64_t max_positions, const RopeFields& fields) {
  constexpr Range<double> fractions{0.0, 1.0};
  RopeSpec spec;
  spec.theta = config.number_or(fields.theta, 10000.0, kPositive);
  double fraction = config.number_or(fields.fraction, fields.default_fraction, fractions);
  std::optional<ConfigReader> rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  if (rope) {
    spec.theta = rope->number_or("rope_theta", spec.theta, kPositive);
    fraction = rope->number_or("partial_rotary_factor", fraction, fractions);
    spec.scaling = read_scaling(*rope);
  }
  spec.rotary_dim = static_cast<std::int64_t>(static_cast<double>(d_head) * fraction);
  if (spec.rotary_dim < 2 || spec.rotary_dim % 2 != 0)
    config.fail(fields.fraction, "makes " + std::to_string(spec.rotary_dim) + " of the " +
                                     std::to_string(d_head) +
                                     " dimensions of a head rotate; expected an even number");
  if (spec.scaling != Scaling::none) read_scaled(config, *rope, max_positions, spec);
  return spec;
}

std::int64_t longest_sequence(const RopeSpec& rope, std::int64_t max_positions) {
  if (rope.scaling != RopeSpec::Scaling::dynamic || rope.factor <= 1.0) return max_positions;
  const double longest = rope.factor * static_cast<double>(max_positions);
  return static_cast<std::int64_t>(std::min(longest, 1e9));
}

std::string_view spelling(const ConfigReader& config, std::string_view name,
                          std::string_view other) {
  if (!config.has(other)) return name;
  if (config.has(name) && *config.raw(name) != *config.raw(other))
    config.fail(name, "differs from " + std::string(other) + ", another name of the same setting");
  return other;
}

void set_heads(const ConfigReader& config, std::string_view field, std::int64_t n_heads,
               TransformerSpec& spec) {
  if (spec.d_model % n_heads != 0)
    config.fail(field, "is " + std::to_string(n_heads) + ", which does not divide the width " +
                           std::to_string(spec.d_model));
  AttentionSpec& attention = spec.attention;
  attention.n_heads = attention.n_key_value_heads = n_heads;
  attention.d_head = spec.d_model / n_heads;
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.d_head));
}

void refuse_common(const ConfigReader& config) {
  config.require_absent_or("is_encoder_decoder", false);
  config.require_absent_or("add_cross_attention", false);
  config.require_absent_or("pruned_heads", nlohmann::json::object());
  config.require_absent_or("quantization_config", nullptr);
}

}  // namespace lensbench
