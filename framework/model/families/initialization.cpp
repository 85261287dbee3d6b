#include "model/families/initialization.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/glob.hpp"

namespace lensbench {

/// Exceptions of a family from the defaults: weights normal(0, initializer_range), biases 0, norm
/// gains 1 (0 where the gain is stored minus one). Tensors are given as globs of names.
struct Initialization::Rules {
  std::string_view model_type;
  /// Tables whose row at `pad_token_id` is zero.
  std::vector<std::string_view> padded;
  /// Default of `pad_token_id`.
  std::optional<std::int64_t> padding;
  /// Projections into the residual stream, divided by sqrt(2 n_layers).
  std::vector<std::string_view> residual;
  std::string_view deviation_field = "initializer_range";
  bool stored_gains_are_one = false;  ///< although the gain is stored minus one (Nemotron)
  std::vector<std::string_view> normal_vectors = {};  ///< vectors that are neither biases nor gains
  std::vector<std::pair<std::string_view, double>> constants = {};  ///< names and the value of each
};

namespace {

using Rules = Initialization::Rules;

const std::vector<Rules>& rules_of_families() {
  static const std::vector<std::string_view> embed_tokens = {"*embed_tokens.weight"};
  static const std::vector<Rules> table = {
      {"gpt2", {}, {}, {"*.attn.c_proj.weight", "*.mlp.c_proj.weight"}},
      {"opt", embed_tokens, 1, {}, "init_std"},
      {"llama", embed_tokens, {}, {}},
      {"mistral", embed_tokens, {}, {}},
      {"mixtral", embed_tokens, {}, {}},
      {"qwen2", embed_tokens, {}, {}},
      {"qwen3", embed_tokens, {}, {}},
      {"qwen2_vl", embed_tokens, {}, {}},
      {"qwen2_5_vl", embed_tokens, {}, {}},
      {"gemma", embed_tokens, 0, {}},
      {"gemma2", embed_tokens, 0, {}},
      {"gemma3_text", embed_tokens, 0, {}},
      {"phi", embed_tokens, {}, {}},
      {"phi3", embed_tokens, 32000, {}},
      {"stablelm", embed_tokens, {}, {}},
      {"olmo2", embed_tokens, 1, {}},
      {"starcoder2", embed_tokens, {}, {}},
      {"olmo", embed_tokens, 1, {}},
      {"olmo3", embed_tokens, 1, {}},
      {"olmoe", embed_tokens, 1, {}},
      {"seed_oss", embed_tokens, 1, {}},
      {"smollm3", embed_tokens, 128004, {}},
      {"granite", embed_tokens, {}, {}},
      {"granitemoe", embed_tokens, {}, {}},
      {"cohere", embed_tokens, 0, {}},
      {"cohere2", embed_tokens, 0, {}},
      {"nemotron", embed_tokens, {}, {}, "initializer_range", true},
      {"glm", embed_tokens, 151329, {}},
      {"glm4", embed_tokens, 151329, {}},
      {"ernie4_5", embed_tokens, 0, {}},
      {"exaone4", embed_tokens, {}, {}},
      {"ministral", embed_tokens, {}, {}},
      {"ministral3", embed_tokens, 11, {}},
      {"apertus",
       embed_tokens,
       3,
       {},
       "initializer_range",
       false,
       {},
       {{"*.alpha_p", std::log(std::expm1(0.8))},
        {"*.alpha_n", std::log(std::expm1(0.3))},
        {"*.beta", 0.5},
        {"*.eps", -1e-6}}},
      {"xglm", embed_tokens, 1, {}, "init_std"},
      {"gpt_bigcode", {}, {}, {"*.attn.c_proj.weight", "*.mlp.c_proj.weight"}},
      {"qwen2_moe", embed_tokens, {}, {}},
      {"qwen3_moe", embed_tokens, {}, {}},
      {"gpt_oss", embed_tokens, {}, {}, "initializer_range", false, {"*.sinks", "*.router.bias"}},
      {"deepseek_v2", embed_tokens, {}, {}},
      {"deepseek_v3", embed_tokens, {}, {}},
      {"phimoe", embed_tokens, {}, {}},
      {"llama4_text", embed_tokens, {}, {}},
      {"bert", {"*word_embeddings.weight"}, 0, {}},
      {"roberta", {"*word_embeddings.weight", "*position_embeddings.weight"}, 1, {}},
      {"distilbert", {"*word_embeddings.weight"}, 0, {}},
  };
  return table;
}

/// Families that are not listed follow the defaults.
const Rules& rules_of(std::string_view family) {
  static const Rules plain{"", {}, {}, {}};
  const std::vector<Rules>& table = rules_of_families();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Rules& rules) { return rules.model_type == family; });
  return found == table.end() ? plain : *found;
}

bool any_matches(const std::vector<std::string_view>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](std::string_view glob) { return glob_matches(glob, name); });
}

/// Row of the padding token. null in the configuration means none.
std::optional<std::int64_t> read_padding(const Rules& rules, const TransformerSpec& spec,
                                         const ConfigReader& config) {
  if (rules.padded.empty() || config.is_null("pad_token_id")) return std::nullopt;
  const auto row = config.has("pad_token_id")
                       ? config.optional_integer("pad_token_id", {-kDimension.max, kDimension.max})
                       : rules.padding;
  if (!row) return std::nullopt;
  if (*row >= spec.vocab_size || *row < -spec.vocab_size)
    config.fail("pad_token_id", std::string(config.has("pad_token_id") ? "is " : "is by default ") +
                                    std::to_string(*row) + ", but vocab_size is " +
                                    std::to_string(spec.vocab_size) +
                                    "; give the id of a token, or null");
  return *row < 0 ? *row + spec.vocab_size : *row;
}

/// The part of a configuration with the fields of the text model, which some programs save in an
/// object of its own.
ConfigReader text_fields(const TransformerSpec& spec, const ConfigReader& config) {
  const auto text = spec.vision ? config.object("text_config") : std::nullopt;
  return text ? *text : config;
}

constexpr double kDeviation = 0.02;
constexpr Range<double> kDeviations{0.0, 1e6};

/// Deviation of the weights of a vision tower, which has a field of its own.
double tower_deviation(const TransformerSpec& spec, const ConfigReader& config) {
  const auto vision = spec.vision ? config.object("vision_config") : std::nullopt;
  return vision ? vision->number_or("initializer_range", kDeviation, kDeviations) : kDeviation;
}

bool is_tower_weight(const WeightSource& tensor) {
  return tensor.plain_name.starts_with("visual.") || tensor.plain_name.starts_with("model.visual.");
}

}  // namespace

/// GPT-2 divides by the square root of the number of additions to the stream, two in each block.
Initialization::Initialization(const TransformerSpec& spec, const ConfigReader& config)
    : rules_(rules_of(spec.family)),
      norms_are_zero_(spec.norm.gain_plus_one && !rules_.stored_gains_are_one),
      deviation_(
          text_fields(spec, config).number_or(rules_.deviation_field, kDeviation, kDeviations)),
      tower_deviation_(tower_deviation(spec, config)),
      residual_deviation_(deviation_ / std::sqrt(2.0 * static_cast<double>(spec.n_layers))),
      padding_(read_padding(rules_, spec, text_fields(spec, config))),
      sinusoidal_(spec.family == "distilbert" && config.boolean_or("sinusoidal_pos_embds", false)) {
}

InitialValues Initialization::values_of(const WeightSource& tensor) const {
  // Biases and norms are recognised by name and shape, so the globs need to name matrices only.
  using Kind = InitialValues::Kind;
  const std::string_view name = tensor.plain_name;
  for (const auto& [glob, value] : rules_.constants)
    if (glob_matches(glob, name)) return {Kind::constant, value, {}};
  if (any_matches(rules_.normal_vectors, name)) return {Kind::normal, deviation_, {}};
  if (name.ends_with("bias")) return {Kind::zeros, 0.0, {}};
  if (tensor.shape.size() == 1) return {norms_are_zero_ ? Kind::zeros : Kind::ones, 0.0, {}};
  if (sinusoidal_ && name.ends_with("position_embeddings.weight"))
    return {Kind::sinusoidal, 0.0, {}};
  if (is_tower_weight(tensor)) return {Kind::normal, tower_deviation_, {}};
  if (any_matches(rules_.residual, tensor.name)) return {Kind::normal, residual_deviation_, {}};
  return {Kind::normal, deviation_,
          any_matches(rules_.padded, tensor.name) ? padding_ : std::optional<std::int64_t>()};
}

}  // namespace lensbench
