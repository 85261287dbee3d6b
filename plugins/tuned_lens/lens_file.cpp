#include "lens_file.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace lensbench::tuned {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConversion =
    "; lenses of the Python library are pickles, which lensbench never opens: convert params.pt to "
    "params.safetensors with safetensors.torch.save_file(torch.load('params.pt', "
    "map_location='cpu', weights_only=True), 'params.safetensors'), and give the folder";

[[noreturn]] void fail(const std::string& file, const std::string& fault) {
  throw InputError("tuned_lens: " + file + ": " + fault);
}

/// Settings of a published lens, which are few: a file of a megabyte is something else.
json config_of(const fs::path& file) {
  constexpr std::uintmax_t kMost = 1 << 20;
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kMost)
    fail(file.string(), "expected a file of at most 1 MiB with the settings of a lens");
  std::ifstream stream(file);
  json config = json::parse(stream, nullptr, false);
  if (!config.is_object()) fail(file.string(), "is not a JSON object; expected that of a lens");
  return config;
}

void check_number(const json& config, const std::string& file, const char* field,
                  std::int64_t expected) {
  const auto found = config.find(field);
  if (found == config.end() || !found->is_number_integer())
    fail(file, std::string("field ") + field + " is missing or not a whole number, expected " +
                   std::to_string(expected) + " as in the model");
  if (found->get<std::int64_t>() != expected)
    fail(file, std::string("field ") + field + " is " + found->dump() + ", expected " +
                   std::to_string(expected) + " as in the model; give a lens of this model");
}

std::string text_or_empty(const json& config, const char* field) {
  const auto found = config.find(field);
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A lens as the Python library saves it, after its parameters were converted: `0.weight`,
/// `0.bias`, … where translator i takes the stream after i blocks.
StoredLens read_published(const Model& model, const fs::path& tensors) {
  const TransformerSpec& spec = model.spec();
  StoredLens lens;
  lens.config = (tensors.parent_path() / "config.json").string();
  lens.tensors = tensors.string();
  std::error_code error;
  if (!fs::exists(tensors, error))
    fail(tensors.parent_path().string(),
         "lacks the file params.safetensors" + std::string(kConversion));
  const json config = config_of(lens.config);
  check_number(config, lens.config, "d_model", spec.d_model);
  check_number(config, lens.config, "num_hidden_layers", spec.n_layers);
  const std::string type = text_or_empty(config, "lens_type");
  if (!type.empty() && type != "linear_tuned_lens")
    fail(lens.config, "field lens_type is '" + type + "', expected linear_tuned_lens");
  lens.base = text_or_empty(config, "base_model_name_or_path");
  const TensorFile file(lens.tensors);
  lens.translators = Translators::zero(spec);
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    const std::string name = std::to_string(layer);
    lens.translators.weight[layer].copy_(file.read(name + ".weight", {spec.d_model, spec.d_model}));
    // A lens may have been made without biases.
    if (file.contains(name + ".bias") || config.value("bias", json(true)) != json(false))
      lens.translators.bias[layer].copy_(file.read(name + ".bias", {spec.d_model}));
  }
  return lens;
}

/// The result of a training, whose last layer is the identity.
StoredLens read_archive(const Model& model, const std::string& source) {
  const TransformerSpec& spec = model.spec();
  const std::int64_t layers = spec.n_layers + 1;
  const TensorFile file(source);
  const auto part = [&](const char* name, const std::vector<std::int64_t>& shape) {
    const at::Tensor all = file.read(name, shape).to(at::kFloat);
    return all.narrow(0, 0, spec.n_layers).contiguous();
  };
  StoredLens lens;
  lens.tensors = source;
  lens.translators.weight = part("translator_weight", {layers, spec.d_model, spec.d_model});
  lens.translators.bias = part("translator_bias", {layers, spec.d_model});
  const auto attribute = [&](const char* name) {
    const auto found = file.metadata().find(name);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  lens.base = attribute("base");
  lens.base_sha256 = attribute("base_sha256");
  return lens;
}

bool is_pickle(const std::string& name) {
  return name.ends_with(".pt") || name.ends_with(".pkl") || name.ends_with(".bin") ||
         name.ends_with(".pth");
}

}  // namespace

StoredLens read_lens(const Model& model, const std::string& source) {
  std::error_code error;
  if (fs::is_directory(source, error))
    return read_published(model, fs::path(source) / "params.safetensors");
  if (source.ends_with(".safetensors")) return read_published(model, source);
  if (is_pickle(source)) fail(source, "is not a safetensors file" + std::string(kConversion));
  StoredLens lens = read_archive(model, source);
  if (!lens.translators.weight.isfinite().all().item<bool>() ||
      !lens.translators.bias.isfinite().all().item<bool>())
    fail(source, "a translator has a number that is not finite; train the lens again");
  return lens;
}

}  // namespace lensbench::tuned
