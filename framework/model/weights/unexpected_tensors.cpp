#include "model/weights/unexpected_tensors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

/// The number of the layer in `model.layers.3.mlp.up_proj.weight`: the first number between dots.
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

/// Number of layers that tensors belong to: 0 if none has a layer.
std::int64_t layers_of(const std::set<std::string>& names) {
  std::int64_t layers = 0;
  for (const std::string& name : names) layers = std::max(layers, layer_of(name).value_or(-1) + 1);
  return layers;
}

/// Number of layers including those of `names`, if all of them follow the first `layers` ones.
std::optional<std::int64_t> layers_up_to(const std::vector<std::string>& names,
                                         std::int64_t layers) {
  if (layers == 0 || names.empty()) return std::nullopt;
  std::int64_t reached = layers;
  for (const std::string& name : names) {
    const auto layer = layer_of(name);
    if (!layer || *layer < layers) return std::nullopt;
    reached = std::max(reached, *layer + 1);
  }
  return reached;
}

/// Both counts, so that the reader sees whether the configuration or the file is wrong.
std::string layer_numbers(std::int64_t described, std::int64_t stored) {
  return "config.json describes " + std::to_string(described) +
         (described == 1 ? " layer" : " layers") + ", but the weights have " +
         std::to_string(stored) + "; correct the number of layers in config.json, ";
}

/// What other programs put before names of tensors, and how to save without it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kWrappers = {{
    {"_orig_mod.",
     "torch.compile adds; save the model that was compiled, which is its attribute _orig_mod"},
    {"module.",
     "DataParallel and DistributedDataParallel add; save the attribute module of the "
     "wrapped model"},
    {"base_model.model.",
     "PEFT adds; merge the adapter with merge_and_unload() and save the result"},
    {"_fsdp_wrapped_module.", "FSDP adds; save a full state dict of the wrapped model"},
}};

/// Whether most missing tensors are among these names. Some may have names that the family would
/// have chosen otherwise, had it found the checkpoint's.
bool has_most(const std::set<std::string>& names, const ExpectedTensors& missing) {
  const auto found =
      std::count_if(missing.names.begin(), missing.names.end(), [&](const std::string& name) {
        return names.contains(name) || names.contains(missing.plain(name));
      });
  return 2 * found > std::ssize(missing.names);
}

/// A name without all places at which `part` is one of the words between its dots.
std::string without_part(std::string name, std::string_view part) {
  for (std::size_t at = name.find(part); at != std::string::npos; at = name.find(part, at)) {
    if (at == 0 || name[at - 1] == '.')
      name.erase(at, part.size());
    else
      ++at;
  }
  return name;
}

/// A name that contains `part`, if the names without it are those that are missing; else empty.
std::string name_with_part(const std::vector<std::string>& names, std::string_view part,
                           const ExpectedTensors& missing) {
  std::set<std::string> plain;
  std::string example;
  for (const std::string& name : names) {
    const auto added = plain.insert(without_part(name, part)).first;
    if (example.empty() && *added != name) example = name;
  }
  return has_most(plain, missing) ? example : "";
}

/// Whether most missing tensors are there with this beginning of their names.
bool explains(const std::string& prefix, const std::vector<std::string>& names,
              const ExpectedTensors& missing) {
  std::set<std::string> inner;
  for (const std::string& name : names)
    if (name.starts_with(prefix)) inner.insert(name.substr(prefix.size()));
  return has_most(inner, missing);
}

/// Beginnings of names after which most missing tensors are found.
std::vector<std::string> prefixes_before(const std::vector<std::string>& names,
                                         const ExpectedTensors& missing) {
  // The whole names first: the prefix of the family is not a foreign one.
  for (const bool whole : {true, false})
    for (const std::string& missed : missing.names) {
      const std::string wanted = "." + (whole ? missed : missing.plain(missed));
      std::vector<std::string> prefixes;
      for (const std::string& name : names) {
        if (!name.ends_with(wanted)) continue;
        std::string prefix = name.substr(0, name.size() - wanted.size() + 1);
        if (explains(prefix, names, missing)) prefixes.push_back(std::move(prefix));
      }
      if (!prefixes.empty()) return prefixes;
    }
  return {};
}

}  // namespace

std::string ExpectedTensors::plain(const std::string& name) const {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

/// Matched at the start of the name, so that weights of a block that contain such a word are kept.
bool is_training_head(std::string_view name) {
  // Heads in transformers: sequence and token classification, question answering, multiple choice,
  // double heads; in trl and reward models: value and reward heads.
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
  // Only a prefix of every name explains why nothing was found.
  for (const auto& [prefix, cause] : kWrappers) {
    const bool all = !names.empty() &&
                     std::all_of(names.begin(), names.end(),
                                 [&p = prefix](const auto& name) { return name.starts_with(p); });
    if (all)
      return "all names of tensors begin with '" + std::string(prefix) + "', which " +
             std::string(cause) + " with save_pretrained";
  }
  return "";
}

std::string foreign_part(const std::vector<std::string>& names, const ExpectedTensors& missing) {
  if (missing.names.empty()) return "";
  for (const auto& [part, cause] : kWrappers)
    if (const std::string example = name_with_part(names, part, missing); !example.empty())
      return "names of tensors contain '" + std::string(part) + "', such as " + example +
             ", which " + std::string(cause) + " with save_pretrained";
  const auto prefixes = prefixes_before(names, missing);
  if (prefixes.empty()) return "";
  return "the tensors of this model are there, with '" + join(prefixes, "' or '") +
         "' before their names, as in a program that holds it in another module; save that model "
         "alone with save_pretrained, or remove this beginning of the names";
}

std::string surplus_layers(const std::set<std::string>& taken,
                           const std::vector<std::string>& extra) {
  const auto stored = layers_up_to(extra, layers_of(taken));
  if (!stored) return "";
  return layer_numbers(layers_of(taken), *stored) +
         "or, if the model is meant to be shorter, add \"leave_out_layers\": true there";
}

std::string absent_layers(const std::set<std::string>& taken,
                          const std::vector<std::string>& missing) {
  const auto described = layers_up_to(missing, layers_of(taken));
  if (!described) return "";
  return layer_numbers(*described, layers_of(taken)) +
         "or fetch the files that hold the other layers";
}

}  // namespace lensbench
