#include "model/stored_model.hpp"

#include <algorithm>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/config.hpp"
#include "checkpoint/hub_cache.hpp"
#include "checkpoint/quantized/quantized_parts.hpp"
#include "core/text/glob.hpp"
#include "model/families/family.hpp"
#include "model/families/language_part.hpp"
#include "model/open.hpp"

namespace lensbench {
namespace {

/// True for a tensor that is stored with the weights but is not a parameter.
bool is_buffer(const Family& family, std::string_view name) {
  std::string bare(name);
  if (bare.starts_with(family.optional_prefix)) bare.erase(0, family.optional_prefix.size());
  return std::any_of(family.buffers.begin(), family.buffers.end(),
                     [&](std::string_view glob) { return glob_matches(glob, bare); });
}

bool is_other_part(const LanguagePart& part, std::string_view name) {
  return std::any_of(part.other_parts.begin(), part.other_parts.end(),
                     [&](std::string_view other) { return name.starts_with(other); });
}

// Type of most stored elements, if a model can run in it.
at::ScalarType main_dtype(const std::map<at::ScalarType, std::int64_t>& elements) {
  at::ScalarType best = at::kFloat;
  std::int64_t most = 0;
  for (const auto& [type, count] : elements)
    if (count > most && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf)) {
      best = type;
      most = count;
    }
  return best;
}

}  // namespace

TransformerSpec read_stored_spec(const std::string& path_or_name) {
  const Checkpoint checkpoint(resolve_model_directory(path_or_name));
  const LanguagePart part = language_part(checkpoint);
  const ConfigReader config(part.config, part.config_place);
  return find_family(config).read_spec(config);
}

StoredModel open_as_stored(const std::string& path_or_name) {
  // Counts come from the headers of the safetensors files, so no tensor is read.
  StoredModel stored;
  std::map<at::ScalarType, std::int64_t> elements;
  {
    const Checkpoint checkpoint(resolve_model_directory(path_or_name));
    const LanguagePart part = language_part(checkpoint);
    const ConfigReader config(part.config, part.config_place);
    const auto& family = find_family(config);
    const bool tied = family.read_spec(config).tied_unembedding;
    for (const auto& name : checkpoint.names()) {
      if (is_buffer(family, name) || is_other_part(part, name)) continue;
      const auto& entry = checkpoint.entry(name);
      std::int64_t count = 1;
      for (const auto size : entry.shape) count *= size;
      if (const auto& quantization = checkpoint.quantization())
        count *= weights_per_element(*quantization, name);
      if (count == 0) continue;  // scales
      elements[entry.dtype] += count;
      stored.elements_by_dtype[std::string(safetensors_dtype(entry))] += count;
      // A file may store the unembedding a second time although it is the embedding.
      if (!(tied && name == part.head_prefix + "lm_head.weight")) stored.parameters += count;
    }
    stored.weight_bytes = checkpoint.weight_bytes();
  }
  ModelOptions options;
  options.dtype = main_dtype(elements);
  stored.model = open_without_reading(path_or_name, options);
  return stored;
}

}  // namespace lensbench
