#include "model/weights/unexpected_tensors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace lensbench {
namespace {

/// The number of the layer in `model.layers.3.mlp.up_proj.weight`, the first number between dots.
std::optional<std::int64_t> layer_of(std::string_view name) {
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
       dot = name.find('.', dot + 1)) {
    const char* begin = name.data() + dot + 1;
    const char* end = name.data() + name.size();
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && stop != end && *stop == '.') return number;
  }
  return std::nullopt;
}

}  // namespace

bool is_training_head(std::string_view name) {
  // Of transformers: sequence and token classification, question answering, multiple choice,
  // double heads; of trl and reward models: value and reward heads.
  constexpr std::array<std::string_view, 12> heads = {"score.",
                                                      "classifier.",
                                                      "v_head.",
                                                      "value_head.",
                                                      "reward_head.",
                                                      "rm_head.",
                                                      "qa_outputs.",
                                                      "pooler.",
                                                      "pre_classifier.",
                                                      "cls.seq_relationship.",
                                                      "multiple_choice_head.",
                                                      "summary."};
  return std::any_of(heads.begin(), heads.end(),
                     [&](std::string_view head) { return name.starts_with(head); });
}

std::string foreign_prefix(const std::vector<std::string>& names) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> prefixes = {{
      {"_orig_mod.",
       "torch.compile adds; save the model that was compiled, which is its attribute _orig_mod"},
      {"module.",
       "DataParallel and DistributedDataParallel add; save the attribute module of the "
       "wrapped model"},
      {"base_model.model.",
       "PEFT adds; merge the adapter with merge_and_unload() and save the result"},
      {"_fsdp_wrapped_module.", "FSDP adds; save a full state dict of the wrapped model"},
  }};
  for (const auto& [prefix, cause] : prefixes) {
    const bool all = !names.empty() &&
                     std::all_of(names.begin(), names.end(),
                                 [&p = prefix](const auto& name) { return name.starts_with(p); });
    if (all)
      return "all names of tensors begin with '" + std::string(prefix) + "', which " +
             std::string(cause) + " with save_pretrained";
  }
  return "";
}

std::string surplus_layers(const std::set<std::string>& taken,
                           const std::vector<std::string>& extra) {
  std::int64_t last = -1, last_stored = -1;
  for (const std::string& name : taken) last = std::max(last, layer_of(name).value_or(-1));
  for (const std::string& name : extra) {
    const auto layer = layer_of(name);
    if (!layer || *layer <= last) return "";
    last_stored = std::max(last_stored, *layer);
  }
  if (last < 0 || last_stored < 0) return "";
  return "config.json describes " + std::to_string(last + 1) + " layers, but the weights have " +
         std::to_string(last_stored + 1) +
         "; correct the number of layers in config.json, or, if the model is meant to be "
         "shorter, save it without the tensors of the other layers";
}

}  // namespace lensbench
