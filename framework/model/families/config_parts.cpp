#include "model/families/config_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "model/forward/rope.hpp"

namespace lensbench {
namespace {

using Scaling = RopeSpec::Scaling;

/// Kind of scaling, in a field `rope_type`, or `type` in older configs.
Scaling read_scaling(const ConfigReader& rope, const RopeDefaults& defaults) {
  const char* field = rope.has("rope_type") ? "rope_type" : "type";
  const std::string name = rope.string_or(field, "default");
  if (defaults.old_longrope_names && (name == "su" || name == "yarn")) return Scaling::longrope;
  if (!defaults.sections.empty() && name == "mrope") return Scaling::none;
  constexpr std::array<std::pair<std::string_view, Scaling>, 6> known = {
      {{"default", Scaling::none},
       {"linear", Scaling::linear},
       {"dynamic", Scaling::dynamic},
       {"llama3", Scaling::llama3},
       {"yarn", Scaling::yarn},
       {"longrope", Scaling::longrope}}};
  for (const auto& [type, scaling] : known)
    if (type == name) return scaling;
  rope.fail(field, "is \"" + name +
                       "\"; supported: default, linear, dynamic, llama3, "
                       "yarn, longrope");
}

void read_llama3(const ConfigReader& rope, RopeSpec& spec) {
  spec.low_frequency_factor = rope.number("low_freq_factor", kPositive);
  spec.high_frequency_factor = rope.number("high_freq_factor", kPositive);
}

void read_yarn(const ConfigReader& rope, RopeSpec& spec) {
  // The reference writes `get(field) or default`, so that 0 means the default.
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

/// LongRoPE has a factor for each rotating pair.
std::vector<double> read_factors(const ConfigReader& rope, const char* field,
                                 std::int64_t rotary_dim) {
  std::vector<double> factors = rope.numbers(field, kPositive);
  if (static_cast<std::int64_t>(factors.size()) != rotary_dim / 2)
    rope.fail(field, "has " + std::to_string(factors.size()) + " numbers; expected " +
                         std::to_string(rotary_dim / 2) + ", one for each pair that rotates");
  return factors;
}

void read_longrope(const ConfigReader& rope, const RopeDefaults& defaults, RopeSpec& spec) {
  spec.short_factor = read_factors(rope, "short_factor", spec.rotary_dim);
  spec.long_factor = read_factors(rope, "long_factor", spec.rotary_dim);
  spec.attention_factor = rope.optional_number("attention_factor", kPositive);
  // Scales of an older LongRoPE, one for each set of factors.
  if (!defaults.own_mscales) {
    rope.require_absent_or("short_mscale", 1.0);
    rope.require_absent_or("long_mscale", 1.0);
  }
  if (spec.original_max_positions < 2)
    rope.fail("original_max_position_embeddings", "is 1; longrope needs at least 2");
}

/// Reads the settings of a scaling other than `default`.
void read_scaled(const ConfigReader& config, const ConfigReader& rope, std::int64_t max_positions,
                 const RopeDefaults& defaults, RopeSpec& spec) {
  spec.original_max_positions = max_positions;
  const bool keeps_original = spec.scaling == Scaling::llama3 || spec.scaling == Scaling::yarn ||
                              spec.scaling == Scaling::longrope;
  if (keeps_original) {
    constexpr const char* field = "original_max_position_embeddings";
    const std::int64_t own =
        defaults.original_max_positions.value_or(rope.integer_or(field, max_positions));
    spec.original_max_positions = config.integer_or(field, own);
  }
  // Only the reference functions of YaRN and LongRoPE derive a missing factor from the two lengths.
  const bool may_derive = spec.scaling == Scaling::yarn || spec.scaling == Scaling::longrope;
  spec.factor =
      may_derive && !rope.has("factor")
          ? static_cast<double>(max_positions) / static_cast<double>(spec.original_max_positions)
          : rope.number("factor", kPositive);
  if (spec.scaling == Scaling::llama3) read_llama3(rope, spec);
  if (spec.scaling == Scaling::yarn) read_yarn(rope, spec);
  if (spec.scaling == Scaling::longrope) read_longrope(rope, defaults, spec);
  // Dynamic scaling has the exponent d / (d - 2) of the rotating size d.
  if (spec.scaling == Scaling::dynamic && spec.rotary_dim <= 2)
    rope.fail("rope_type", "is \"dynamic\" with a head size of 2; expected at least 4");
}

/// Number of dimensions of each head that rotate: all, or the leading part that a config names.
std::int64_t read_rotary_dim(const ConfigReader& config, const ConfigReader& rope,
                             std::int64_t d_head, const RopeDefaults& defaults) {
  const char* field = defaults.partial_field;
  constexpr const char* own_field = "partial_rotary_factor";
  // A family that always rotates whole heads refuses another part instead of ignoring it.
  if (!defaults.partial) {
    config.require_absent_or(field, 1.0);
    rope.require_absent_or(own_field, 1.0);
  }
  const double outer = config.number_or(field, defaults.partial.value_or(1.0), {0.0, 1.0});
  const double partial = rope.number_or(own_field, outer, {0.0, 1.0});
  const auto dim = static_cast<std::int64_t>(static_cast<double>(d_head) * partial);
  if (dim < 2 || dim % 2 != 0)
    config.fail(field, "rotates " + std::to_string(dim) + " of " + std::to_string(d_head) +
                           " dimensions of a head; expected an even number of at least 2");
  return dim;
}

/// Sections of a model whose tokens have three positions.
std::vector<std::int64_t> read_sections(const ConfigReader& rope, const RopeSpec& spec,
                                        const RopeDefaults& defaults) {
  constexpr const char* field = "mrope_section";
  std::vector<std::int64_t> sections = rope.integer_or_integers(field, kDimension);
  if (sections.empty()) sections = defaults.sections;
  const std::int64_t sum = std::accumulate(sections.begin(), sections.end(), std::int64_t{0});
  if (sum != spec.rotary_dim / 2)
    rope.fail(field, "adds up to " + std::to_string(sum) + "; expected " +
                         std::to_string(spec.rotary_dim / 2) + ", half the width of a head");
  if (depends_on_length(spec))
    rope.fail("rope_type",
              "depends on the length of the text, which is not supported together "
              "with mrope_section");
  return sections;
}

}  // namespace

/// Activation function by its name in transformers; `otherwise` is the default of the class.
Activation read_activation(const ConfigReader& config, std::string_view field,
                           std::string_view otherwise) {
  const std::string name = config.string_or(field, otherwise);
  // Names of different code in the reference that compute one formula share an activation.
  constexpr std::array<std::pair<std::string_view, Activation>, 12> known = {
      {{"gelu", Activation::gelu},
       {"gelu_python", Activation::gelu},
       {"gelu_new", Activation::gelu_tanh},
       {"gelu_fast", Activation::gelu_tanh},
       {"gelu_accurate", Activation::gelu_tanh},
       {"gelu_pytorch_tanh", Activation::gelu_tanh},
       {"gelu_python_tanh", Activation::gelu_tanh},
       {"quick_gelu", Activation::quick_gelu},
       {"relu", Activation::relu},
       {"relu2", Activation::relu_squared},
       {"silu", Activation::silu},
       {"swish", Activation::silu}}};
  std::string names;
  for (const auto& [known_name, activation] : known) {
    if (known_name == name) return activation;
    names += (names.empty() ? "" : ", ") + std::string(known_name);
  }
  config.fail(field, "is \"" + name + "\"; supported: " + names);
}

/// Rotation of one kind of layer. Gemma 3 has two, with settings in different objects.
RopeSpec read_rope_object(const ConfigReader& config, const ConfigReader& rope, std::int64_t d_head,
                          std::int64_t max_positions, const RopeDefaults& defaults) {
  RopeSpec spec;
  // Sections of multimodal models and settings by kind of layer would change the angles.
  for (const char* other : {"full_attention", "sliding_attention"})
    rope.require_absent_or(other, nullptr);
  if (defaults.sections.empty()) rope.require_absent_or("mrope_section", nullptr);
  spec.rotary_dim = read_rotary_dim(config, rope, d_head, defaults);
  spec.theta = rope.number_or("rope_theta", defaults.theta, kPositive);
  spec.scaling = read_scaling(rope, defaults);
  if (spec.scaling != Scaling::none) read_scaled(config, rope, max_positions, defaults, spec);
  if (!defaults.sections.empty()) spec.sections = read_sections(rope, spec, defaults);
  return spec;
}

std::optional<ConfigReader> rotary_settings(const ConfigReader& config) {
  // An empty object counts as absent, as in transformers.
  const std::optional<ConfigReader> scaling = config.object("rope_scaling");
  return scaling && !scaling->empty() ? scaling : config.object("rope_parameters");
}

RopeSpec read_rope(const ConfigReader& config, std::int64_t d_head, std::int64_t max_positions,
                   const RopeDefaults& defaults) {
  static const nlohmann::json nothing = nlohmann::json::object();
  RopeDefaults outer = defaults;
  outer.theta = config.number_or(defaults.theta_field, defaults.theta, kPositive);
  const std::optional<ConfigReader> rope = rotary_settings(config);
  return read_rope_object(config, rope ? *rope : ConfigReader(nothing, {}), d_head, max_positions,
                          outer);
}

namespace {

/// Settings of full layers: those of `full_attention`, whose fields `rope_scaling` replaces one by
/// one, as `convert_rope_params_to_dict` of transformers does. They are in a field `rope_scaling`.
nlohmann::json join_full_settings(const ConfigReader& config, const ConfigReader& kinds) {
  constexpr const char* field = "rope_scaling";
  nlohmann::json full = kinds.object("full_attention") ? *kinds.raw("full_attention")
                                                       : nlohmann::json{{"rope_type", "default"}};
  const std::optional<ConfigReader> scaling = config.object(field);
  if (scaling && !scaling->has("rope_type") && scaling->has("type") &&
      full.value("rope_type", *scaling->raw("type")) != *scaling->raw("type"))
    scaling->fail("type", "is " + scaling->raw("type")->dump() +
                              ", which transformers ignores where full layers have the rope_type " +
                              full["rope_type"].dump() + "; write it as rope_type");
  if (scaling) full.update(*config.raw(field));
  return {{field, full}};
}

}  // namespace

void read_ropes_by_layer(const ConfigReader& config, double theta, double local_theta,
                         TransformerSpec& spec) {
  static const nlohmann::json nothing = nlohmann::json::object();
  const ConfigReader empty(nothing, {});
  const ConfigReader kinds = config.object("rope_parameters").value_or(empty);
  for (const char* flat : {"rope_type", "rope_theta", "factor"})
    kinds.require_absent_or(flat, nullptr);
  const nlohmann::json joined = join_full_settings(config, kinds);
  const ConfigReader full = *ConfigReader(joined, config.file()).object("rope_scaling");
  const ConfigReader local = kinds.object("sliding_attention").value_or(empty);
  // A length outside of the objects is one that the reference would not look at.
  config.require_absent_or("original_max_position_embeddings", nullptr);

  const std::int64_t d_head = spec.attention.d_head, positions = spec.max_positions;
  spec.rope = read_rope_object(config, full, d_head, positions, {.theta = theta});
  spec.local_rope = read_rope_object(config, local, d_head, positions, {.theta = local_theta});
  if (depends_on_length(*spec.local_rope))
    local.fail("rope_type",
               "depends on the length of the sequence, which windowed layers do not support");
  spec.max_positions = longest_sequence(*spec.rope, positions);
}

/// Dynamic scaling serves longer sequences than the configuration names; other kinds state their
/// longest one.
std::int64_t longest_sequence(const RopeSpec& rope, std::int64_t max_positions) {
  if (rope.scaling != Scaling::dynamic || rope.factor <= 1.0) return max_positions;
  const double longest = rope.factor * static_cast<double>(max_positions);
  // The bound keeps a hostile factor from overflowing the integer.
  return static_cast<std::int64_t>(std::min(longest, 1e9));
}

/// A field that is null differs from a missing one: transformers applies the default of the class
/// only to the latter.
std::optional<std::int64_t> nullable_integer(const ConfigReader& config, std::string_view field,
                                             std::optional<std::int64_t> otherwise) {
  if (config.is_null(field)) return std::nullopt;
  return config.has(field) ? config.integer(field) : otherwise;
}

std::vector<std::int64_t> read_one_window(const ConfigReader& config, std::int64_t n_layers,
                                          std::optional<std::int64_t> otherwise) {
  config.require_absent_or("layer_types", nullptr);
  const std::optional<std::int64_t> window = nullable_integer(config, "sliding_window", otherwise);
  return read_windows(config, n_layers, window, [&](std::int64_t) { return window.has_value(); });
}

std::optional<std::vector<bool>> read_layer_types(const ConfigReader& config, std::int64_t n_layers,
                                                  std::string_view local) {
  constexpr const char* field = "layer_types";
  if (!config.has(field)) return std::nullopt;
  const std::vector<std::string> types = config.strings(field);
  if (static_cast<std::int64_t>(types.size()) != n_layers)
    config.fail(field, "names " + std::to_string(types.size()) + " layers, but the model has " +
                           std::to_string(n_layers));
  std::vector<bool> sliding;
  for (const std::string& type : types) {
    if (type != "full_attention" && type != local)
      config.fail(field,
                  "holds \"" + type + "\"; supported: full_attention, " + std::string(local));
    sliding.push_back(type == local);
  }
  return sliding;
}

std::vector<bool> read_unrotated(const ConfigReader& config, std::int64_t n_layers,
                                 bool empty_is_absent) {
  constexpr const char* field = "no_rope_layers";
  const std::int64_t interval = config.integer_or("no_rope_layer_interval", 4);
  const std::vector<double> rotates = config.numbers(field, {0.0, 1.0});
  const bool given = config.has(field) && !(empty_is_absent && rotates.empty());
  if (given && std::ssize(rotates) < n_layers)
    config.fail(field, "has " + std::to_string(rotates.size()) +
                           " numbers; expected one for each of the " + std::to_string(n_layers) +
                           " layers");
  std::vector<bool> unrotated;
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    unrotated.push_back(rotates.empty() ? (layer + 1) % interval == 0
                                        : rotates[static_cast<std::size_t>(layer)] == 0.0);
  return unrotated;
}

/// Configurations use an old and a new name for one setting; two values that disagree are refused.
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

/// Settings that would change the computation and that no family here implements.
void refuse_common(const ConfigReader& config) {
  config.require_absent_or("is_encoder_decoder", false);
  config.require_absent_or("add_cross_attention", false);
  config.require_absent_or("pruned_heads", nlohmann::json::object());
}

}  // namespace lensbench
