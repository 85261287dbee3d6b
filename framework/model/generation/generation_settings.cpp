#include "model/generation/generation_settings.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/text/printable.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// A setting that changes which tokens are generated, or how many, and the number without effect.
struct Setting {
  std::string_view name;
  double neutral;
};

// Those that transformers 5.24 reads in _get_logits_processor, _get_stopping_criteria and
// get_generation_mode and that change a greedy choice.
constexpr std::array<Setting, 23> kSettings = {{
    {"repetition_penalty", 1},
    {"encoder_repetition_penalty", 1},
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"bad_words_ids", 0},
    {"min_length", 0},
    {"min_new_tokens", 0},
    {"forced_bos_token_id", -1},
    {"forced_eos_token_id", -1},
    {"suppress_tokens", 0},
    {"begin_suppress_tokens", 0},
    {"sequence_bias", 0},
    {"exponential_decay_length_penalty", 0},
    {"guidance_scale", 1},
    {"num_beams", 1},
    {"penalty_alpha", 0},
    {"dola_layers", 0},
    {"force_words_ids", 0},
    {"constraints", 0},
    {"watermarking_config", 0},
    {"token_healing", 0},
    {"stop_strings", 0},
    {"max_time", 0},
}};

/// Settings that only sampling reads; with do_sample false they change nothing.
constexpr std::array<std::string_view, 8> kSamplers = {
    "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"};

/// True if a value differs from the neutral one, or is a list, object or text that is not empty.
bool has_effect(const json& value, double neutral) {
  if (value.is_null() || value == json(false)) return false;
  if (value.is_number()) return value.get<double>() != neutral;
  return !(value.is_array() || value.is_object() || value.is_string()) || !value.empty();
}

std::string setting_text(std::string_view name, const json& value) {
  // Long values are replaced by their length, since the file may hold lists of any size.
  constexpr std::size_t shown = 60;
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return std::string(name) + " " +
         (text.size() > shown ? "(" + std::to_string(text.size()) + " characters)"
                              : printable(text));
}

}  // namespace

std::vector<std::string> notes_on_generation(const json& configuration, const std::string& place) {
  std::vector<std::string> found;
  const auto look_at = [&](std::string_view name, double neutral) {
    const auto value = configuration.find(name);
    if (value != configuration.end() && has_effect(*value, neutral))
      found.push_back(setting_text(name, *value));
  };
  for (const Setting& setting : kSettings) look_at(setting.name, setting.neutral);
  if (configuration.value("do_sample", json()) == json(true)) {
    found.push_back("do_sample true");
    for (const std::string_view name : kSamplers) look_at(name, -1);
  }
  if (found.empty()) return {};
  return {printable(place) + ": generate() of transformers follows " + join(found, ", ") +
          "; lensbench does not, and takes settings of sampling from the parameters of the run"};
}

}  // namespace lensbench
