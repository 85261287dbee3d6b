#include "model/weights/unexpected_tensors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/text/printable.hpp"

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

}  // namespace

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

namespace {

/// What a wrapper puts before the names of the tensors in it.
struct Wrapper {
  std::string_view prefix, cause;
};

constexpr std::array<Wrapper, 5> kWrappers = {{
    {"_orig_mod.",
     "torch.compile adds; save the model that was compiled, which is its attribute _orig_mod"},
    {"module.",
     "DataParallel and DistributedDataParallel add; save the attribute module of the wrapped "
     "model"},
    {"base_model.model.",
     "PEFT adds; merge the adapter with merge_and_unload() and save the result"},
    {"_fsdp_wrapped_module.", "FSDP adds; save a full state dict of the wrapped model"},
    {"_checkpoint_wrapped_module.",
     "activation checkpointing adds; save the model that was wrapped"},
}};

/// The first name in which a wrapper of a single block has left its prefix; empty without one. Only
/// names that begin with an underscore are those of wrappers wherever they are.
std::string wrapped_block(const std::vector<std::string>& names, std::string_view prefix) {
  const std::string inside = "." + std::string(prefix);
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return prefix.starts_with('_') && name.find(inside) != std::string::npos;
  });
  return found == names.end() ? "" : *found;
}

}  // namespace

std::string foreign_prefix(const std::vector<std::string>& names) {
  for (const auto& [prefix, cause] : kWrappers) {
    // Only a prefix of every name explains why nothing was found.
    const bool all = !names.empty() &&
                     std::all_of(names.begin(), names.end(),
                                 [&p = prefix](const auto& name) { return name.starts_with(p); });
    if (all)
      return "all names of tensors begin with '" + std::string(prefix) + "', which " +
             std::string(cause) + " with save_pretrained";
    if (const std::string name = wrapped_block(names, prefix); !name.empty())
      return "names of tensors contain '" + std::string(prefix) + "' (" + printable(name) +
             "), which " + std::string(cause) +
             " with save_pretrained, or remove it from the names";
  }
  return "";
}

namespace {

/// Prefixes under which the first missing tensor that is stored under any is found, as a whole name
/// or without the part that may be absent.
template <class Without>
std::vector<std::string> prefixes_of(const std::vector<std::string>& names,
                                     const std::vector<std::string>& missing, Without&& without) {
  std::vector<std::string> prefixes;
  for (const std::string& absent : missing) {
    for (const std::string_view form : {std::string_view(absent), without(absent)})
      for (const std::string& name : names)
        if (name.ends_with("." + std::string(form)))
          prefixes.push_back(name.substr(0, name.size() - form.size()));
    if (!prefixes.empty()) break;
  }
  return prefixes;
}

}  // namespace

std::string unknown_prefix(const std::vector<std::string>& names,
                           const std::vector<std::string>& missing, std::string_view optional) {
  const std::set<std::string_view> stored(names.begin(), names.end());
  const auto without = [&](std::string_view name) {
    return name.starts_with(optional) ? name.substr(optional.size()) : name;
  };
  const auto stored_under = [&](const std::string& prefix, std::string_view name) {
    return stored.contains(prefix + std::string(name)) ||
           stored.contains(prefix + std::string(without(name)));
  };
  std::string best;
  std::ptrdiff_t most = std::ssize(missing) / 2;
  // The prefix that most of the missing tensors have is what one of them has.
  for (const std::string& prefix : prefixes_of(names, missing, without)) {
    const auto count = std::count_if(missing.begin(), missing.end(),
                                     [&](const auto& name) { return stored_under(prefix, name); });
    if (count <= most) continue;
    most = count;
    best = prefix;
  }
  return best.empty() ? ""
                      : "the tensors of this model are stored under names that begin with '" +
                            printable(best) + "' (expected " + missing.front() +
                            "); save the part of the model that has them with save_pretrained, "
                            "or remove the prefix from the names";
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
