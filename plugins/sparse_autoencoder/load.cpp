#include "load.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace lensbench::dictionaries {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 33;  ///< most numbers in a weight

constexpr const char* kSettings = "; give the settings that SAELens 6 saves";

struct Architecture {
  const char* name;
  Activation activation;
  bool transcoder, skip;
};
constexpr std::array kArchitectures = {
    Architecture{"standard", Activation::relu, false, false},
    Architecture{"jumprelu", Activation::jumprelu, false, false},
    Architecture{"topk", Activation::topk, false, false},
    Architecture{"gated", Activation::gated, false, false},
    Architecture{"transcoder", Activation::relu, true, false},
    Architecture{"skip_transcoder", Activation::relu, true, true},
    Architecture{"jumprelu_transcoder", Activation::jumprelu, true, false},
    Architecture{"jumprelu_skip_transcoder", Activation::jumprelu, true, true},
};

[[noreturn]] void bad(const std::string& file, const std::string& fault) {
  throw InputError("sparse_autoencoder: " + file + ": " + fault);
}

/// Settings are few: a file of a megabyte is something else.
json object_of(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > (1U << 20))
    bad(file.string(),
        "expected a file of at most 1 MiB with the settings of a dictionary of SAELens; give its "
        "folder, with cfg.json and sae_weights.safetensors");
  std::ifstream stream(file);
  json config = json::parse(stream, nullptr, false);
  if (!config.is_object())
    bad(file.string(), "is not a JSON object; expected that of a dictionary");
  return config;
}

/// The fields of a file of settings. Those of `metadata` are read as the others.
class Fields {
 public:
  Fields(const json& object, std::string file) : object_(object), file_(std::move(file)) {}

  const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text(const char* name, const char* otherwise) const {
    const json* const found = find(name);
    if (found == nullptr) return otherwise;
    if (!found->is_string())
      bad(file_, std::string("field ") + name + " is not a text" + kSettings);
    return found->get<std::string>();
  }
  bool boolean(const char* name, bool otherwise) const {
    const json* const found = find(name);
    if (found == nullptr) return otherwise;
    if (!found->is_boolean())
      bad(file_, std::string("field ") + name + " is not true or false" + kSettings);
    return found->get<bool>();
  }
  std::int64_t count(const char* name) const {
    const json* const found = find(name);
    if (found == nullptr || !found->is_number_integer() || found->get<std::int64_t>() < 1 ||
        found->get<std::int64_t>() > kMostNumbers)
      bad(file_, std::string("field ") + name + " is missing or not a whole number of at least 1" +
                     kSettings);
    return found->get<std::int64_t>();
  }

 private:
  const json& object_;
  std::string file_;
};

InputNorm norm_of(const std::string& name, const std::string& file) {
  if (name == "none") return InputNorm::none;
  if (name == "constant_norm_rescale") return InputNorm::constant_norm;
  if (name == "layer_norm") return InputNorm::layer_norm;
  if (name == "expected_average_only_in" || name == "covariance_whitening")
    bad(file, "field normalize_activations is '" + name +
                  "', whose factors of the training are not in the folder; fold them into the "
                  "weights in SAELens (fold_activation_norm_scaling_factor), and save it again");
  bad(file, "field normalize_activations is '" + name +
                "', expected none, constant_norm_rescale or layer_norm");
}

Architecture architecture_of(const Fields& fields, const std::string& file) {
  const std::string name = fields.text("architecture", "");
  for (const Architecture& known : kArchitectures)
    if (name == known.name) {
      // Before SAELens 6 a topk dictionary was a standard one with another activation function.
      for (const char* old : {"activation_fn", "activation_fn_str"})
        if (name == "standard" && fields.text(old, "relu") != "relu")
          bad(file, std::string("field ") + old + " is '" + fields.text(old, "") +
                        "', which SAELens wrote before version 6; open it there and save it again");
      return known;
    }
  bad(file,
      "field architecture is '" + name +
          "', expected standard, jumprelu, topk, gated, transcoder, skip_transcoder, "
          "jumprelu_transcoder or jumprelu_skip_transcoder, as SAELens 6 saves for inference");
}

DictionarySettings settings_of(const json& object, const std::string& file) {
  const Fields fields(object, file);
  const Architecture architecture = architecture_of(fields, file);
  DictionarySettings settings;
  settings.architecture = architecture.name;
  settings.activation = architecture.activation;
  settings.transcoder = architecture.transcoder;
  settings.skips = architecture.skip;
  settings.norm = norm_of(fields.text("normalize_activations", "none"), file);
  settings.d_in = fields.count("d_in");
  settings.d_out = settings.transcoder ? fields.count("d_out") : settings.d_in;
  settings.features = fields.count("d_sae");
  if (settings.activation == Activation::topk) {
    settings.k = fields.count("k");
    settings.rescaled = fields.boolean("rescale_acts_by_decoder_norm", false);
  }
  settings.bias_from_input = !settings.transcoder && fields.boolean("apply_b_dec_to_input", true);
  const std::string reshaped = fields.text("reshape_activations", "none");
  if (reshaped != "none" && reshaped != "hook_z")
    bad(file, "field reshape_activations is '" + reshaped + "', expected none or hook_z");
  settings.joins_heads = reshaped == "hook_z";
  const json* const metadata = fields.find("metadata");
  if (metadata == nullptr || !metadata->is_object()) return settings;
  const Fields more(*metadata, file);
  settings.hook = more.text("hook_name", "");
  settings.output_hook = more.text("hook_name_out", "");
  const json* const model = more.find("model_from_pretrained_kwargs");
  settings.centred_model = model != nullptr && model->is_object() &&
                           Fields(*model, file).boolean("center_writing_weights", false);
  return settings;
}

/// The result of a training.
StoredDictionary read_archive(const std::string& source) {
  const std::size_t colon = source.find(":results/");
  if (colon == std::string::npos)
    bad(source,
        "is not a folder; give one with cfg.json and sae_weights.safetensors, as SAELens saves "
        "them, or ARCHIVE.h5:results/sparse_autoencoder of a training");
  const TensorFile file(source);
  const auto attribute = [&](const char* name) {
    const auto found = file.metadata().find(name);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  StoredDictionary stored;
  stored.config = stored.tensors = source;
  stored.from_archive = true;
  Dictionary& found = stored.dictionary;
  DictionarySettings& settings = found.settings;
  settings.architecture = "topk";
  settings.activation = Activation::topk;
  if (!file.contains("encoder") || !file.contains("decoder"))
    bad(source,
        "does not have the variables encoder and decoder; give the result of a training "
        "(mode=train)");
  const std::vector<std::int64_t> shape = file.shape("decoder");
  if (shape.size() != 2) bad(source, "decoder is not a matrix [feature, d_model]");
  settings.features = shape[0];
  settings.d_in = settings.d_out = shape[1];
  settings.hook = attribute("output_hook");
  settings.centred_model = attribute("centred") == "1";
  const std::string k = attribute("k");
  if (k.empty() || k.size() > 9 || k.find_first_not_of("0123456789") != std::string::npos)
    bad(source, "lacks the attribute k, a whole number; give the result of a training");
  settings.k = std::stoll(k);
  if (settings.k < 1) bad(source, "attribute k is 0, expected at least 1");
  found.encoder = file.read("encoder", shape).to(at::kFloat).t().contiguous();
  found.encoder_bias = file.read("encoder_bias", {settings.features}).to(at::kFloat);
  found.decoder = file.read("decoder", shape).to(at::kFloat);
  found.decoder_bias = file.read("decoder_bias", {settings.d_out}).to(at::kFloat);
  for (const at::Tensor& values :
       {found.encoder, found.encoder_bias, found.decoder, found.decoder_bias})
    if (!values.isfinite().all().item<bool>())
      bad(source, "a weight is not finite; train the dictionary again");
  found.decoder_norm = found.decoder.norm(2, {1});
  return stored;
}

}  // namespace

StoredDictionary read_dictionary(const std::string& source) {
  std::error_code error;
  const bool is_folder = fs::is_directory(source, error);
  if (!is_folder && !source.ends_with(".safetensors")) return read_archive(source);
  const fs::path folder = is_folder ? fs::path(source) : fs::path(source).parent_path();
  StoredDictionary stored;
  stored.config = (folder / "cfg.json").string();
  stored.tensors = is_folder ? (folder / "sae_weights.safetensors").string() : source;
  Dictionary& found = stored.dictionary;
  found.settings = settings_of(object_of(stored.config), stored.config);
  const DictionarySettings& settings = found.settings;
  const TensorFile file(stored.tensors);
  const auto read = [&](const char* name, const std::vector<std::int64_t>& shape) {
    return file.read(name, shape).to(at::kFloat);
  };
  const bool gated = settings.activation == Activation::gated;
  found.encoder = read("W_enc", {settings.d_in, settings.features});
  found.encoder_bias = read(gated ? "b_gate" : "b_enc", {settings.features});
  found.decoder = read("W_dec", {settings.features, settings.d_out});
  found.decoder_bias = read("b_dec", {settings.d_out});
  if (settings.activation == Activation::jumprelu)
    found.threshold = read("threshold", {settings.features});
  if (gated) {
    found.magnitude = read("r_mag", {settings.features}).exp();
    found.magnitude_bias = read("b_mag", {settings.features});
  }
  if (settings.skips) found.skip = read("W_skip", {settings.d_out, settings.d_in});
  found.decoder_norm = found.decoder.norm(2, {1});
  return stored;
}

}  // namespace lensbench::dictionaries
