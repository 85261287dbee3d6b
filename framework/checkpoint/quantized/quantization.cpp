#include "checkpoint/quantized/quantization.hpp"

#include <lensbench/error.hpp>
#include <vector>

#include "checkpoint/config.hpp"
#include "checkpoint/weights/foreign_weights.hpp"

// A setting that changes what the stored numbers mean is followed or refused by name. Settings of
// the program that quantized (damp_percent, dataset, …) do not.

namespace lensbench {
namespace {

using Method = Quantization::Method;

constexpr const char* kField = "quantization_config";
constexpr Range<std::int64_t> kSize{1, std::int64_t{1} << 24};

/// \throws InputError unless a text field is absent or one of these
void require_one_of(const ConfigReader& settings, const char* field,
                    const std::vector<std::string>& supported) {
  const nlohmann::json* value = settings.raw(field);
  if (value == nullptr || *value == false) return;
  const std::string found = settings.string(field);
  std::string names;
  for (const std::string& name : supported) {
    if (name == found) return;
    names += (names.empty() ? "" : ", ") + name;
  }
  settings.fail(field, "is \"" + found + "\"; supported: " + names +
                           " (use the original checkpoint, or one that is quantized so)");
}

/// \throws InputError if a field holds anything but null, false or something empty
void require_empty(const ConfigReader& settings, const char* field) {
  const nlohmann::json* value = settings.raw(field);
  if (value == nullptr || value->empty() || *value == false) return;
  settings.fail(field, "is " + value->dump().substr(0, 80) +
                           ", which is not supported; use the original checkpoint");
}

void read_fp8(const ConfigReader& settings, Quantization& quantization) {
  require_one_of(settings, "fmt", {"e4m3"});
  require_one_of(settings, "expert_dtype", {"fp8"});
  require_empty(settings, "modules_to_convert");
  quantization.quantized_activations = true;
  // The class has a default; null means one scale for each matrix.
  constexpr const char* field = "weight_block_size";
  if (settings.is_null(field)) return;
  const std::vector<std::int64_t> sizes = settings.has(field)
                                              ? settings.integer_or_integers(field, kSize)
                                              : std::vector<std::int64_t>{128, 128};
  if (sizes.size() != 2)
    settings.fail(field, "has " + std::to_string(sizes.size()) +
                             " numbers; expected two, the rows and columns of a block");
  quantization.block_rows = sizes[0];
  quantization.block_columns = sizes[1];
}

/// Number of inputs that share a scale in GPTQ and AWQ, where -1 stands for all.
std::int64_t read_group_size(const ConfigReader& settings) {
  const std::int64_t size = settings.integer_or("group_size", 128, {-1, kSize.max});
  if (size == 0) settings.fail("group_size", "is 0; expected a positive number, or -1 for all");
  return size == -1 ? 0 : size;
}

void require_four_bits(const ConfigReader& settings) {
  if (const std::int64_t bits = settings.integer("bits", {1, 64}); bits != 4)
    settings.fail("bits", "is " + std::to_string(bits) +
                              "; supported: 4 (use the original checkpoint, or one of 4 bits)");
}

void read_gptq(const ConfigReader& settings, Quantization& quantization) {
  require_four_bits(settings);
  quantization.group_size = read_group_size(settings);
  require_one_of(settings, "checkpoint_format", {"gptq", "gptq_v2"});
  require_one_of(settings, "pack_dtype", {"int32"});
  require_empty(settings, "is_marlin_format");
  require_empty(settings, "dynamic");  // other settings for some matrices
  quantization.act_order = settings.boolean_or("desc_act", false);
  // The first format stores each zero minus one, which may wrap around.
  quantization.zero_offset = settings.string_or("checkpoint_format", "gptq") == "gptq_v2" ? 0 : 1;
}

void read_awq(const ConfigReader& settings, Quantization& quantization) {
  require_four_bits(settings);
  quantization.group_size = read_group_size(settings);
  if (!settings.boolean_or("zero_point", true))
    settings.fail("zero_point", "is false, which is not supported; use the original checkpoint");
  for (const char* field : {"version", "format"}) require_one_of(settings, field, {"gemm", "GEMM"});
}

/// One group of `config_groups`: how the weights of some modules are stored.
void read_compressed_group(const ConfigReader& group, Quantization& quantization) {
  const std::optional<ConfigReader> weights = group.object("weights");
  if (!weights) group.fail("weights", "is missing; expected how the weights are quantized");
  if (const std::int64_t bits = weights->integer("num_bits", {1, 64}); bits != 8)
    weights->fail("num_bits", "is " + std::to_string(bits) +
                                  "; supported: 8 (use the original checkpoint, or one of 8 bits)");
  require_one_of(*weights, "type", {"int", "float"});
  require_one_of(*weights, "strategy", {"tensor", "channel", "group", "block"});
  // Orders that only the quantizing program used are not stored.
  require_one_of(*weights, "actorder", {"static", "weight"});
  if (weights->has("block_structure")) {
    const std::vector<std::int64_t> sizes = weights->integer_or_integers("block_structure", kSize);
    if (sizes.size() != 2)
      weights->fail("block_structure", "has " + std::to_string(sizes.size()) +
                                           " numbers; expected the rows and columns of a block");
    quantization.block_rows = sizes[0];
    quantization.block_columns = sizes[1];
  }
  if (group.has("input_activations")) quantization.quantized_activations = true;
}

void read_compressed(const ConfigReader& settings, Quantization& quantization) {
  require_one_of(settings, "format", {"int-quantized", "float-quantized", "naive-quantized"});
  require_empty(settings, "transform_config");
  if (const auto sparsity = settings.object("sparsity_config"))
    require_one_of(*sparsity, "format", {"dense"});
  const std::optional<ConfigReader> groups = settings.object("config_groups");
  if (!groups || groups->empty())
    settings.fail("config_groups", "is missing; expected how the matrices are quantized");
  for (const auto& item : settings.raw("config_groups")->items())
    if (const auto group = groups->object(item.key())) read_compressed_group(*group, quantization);
}

std::optional<Method> method_named(const std::string& name) {
  if (name == "fp8") return Method::fp8;
  if (name == "mxfp4") return Method::mxfp4;
  if (name == "gptq") return Method::gptq;
  if (name == "awq") return Method::awq;
  if (name == "compressed-tensors") return Method::compressed;
  return std::nullopt;
}

/// A part of a larger model that says so on its own is not looked at by other programs either.
void refuse_nested(const nlohmann::json& config, const std::filesystem::path& path) {
  const auto text = config.find("text_config");
  if (text == config.end() || !text->is_object() || !text->contains(kField)) return;
  if ((*text)[kField].is_null()) return;
  throw InputError(path.string() + ": field text_config." + kField +
                   ": describes quantized weights within text_config; move it to the outermost "
                   "object of config.json");
}

}  // namespace

std::optional<Quantization> read_quantization(const nlohmann::json& config,
                                              const std::filesystem::path& config_path) {
  const auto field = config.find(kField);
  if (field == config.end() || field->is_null()) {
    reject_quantized(config, config_path);
    refuse_nested(config, config_path);
    return std::nullopt;
  }
  const std::optional<ConfigReader> settings = ConfigReader(config, config_path).object(kField);
  Quantization quantization;
  quantization.name = settings->string_or("quant_method", "");
  quantization.place = config_path.string() + ": field " + kField;
  const std::optional<Method> method = method_named(quantization.name);
  if (!method) {
    reject_quantized(config, config_path);
    return std::nullopt;
  }
  quantization.method = *method;
  if (*method == Method::fp8) read_fp8(*settings, quantization);
  if (*method == Method::gptq) read_gptq(*settings, quantization);
  if (*method == Method::awq) read_awq(*settings, quantization);
  if (*method == Method::compressed) read_compressed(*settings, quantization);
  return quantization;
}

}  // namespace lensbench
