#include "model/weights/create_checkpoint.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <array>
#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>
#include <unordered_map>

#include "checkpoint/config.hpp"
#include "checkpoint/weights/foreign_weights.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "core/files/new_folder.hpp"
#include "core/files/sha256.hpp"
#include "core/text/json.hpp"
#include "model/families/initialization.hpp"
#include "model/weights/random_fill.hpp"
#include "model/weights/weight_sources.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 3> kTypes = {
    {{"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}}};

std::string_view type_name(at::ScalarType type) {
  for (const auto& [name, known] : kTypes)
    if (known == type) return name;
  throw UsageError(std::string("model init: expected dtype float32, bfloat16 or float16, found ") +
                   at::toString(type));
}

/// Element type from `dtype` (transformers 5) or `torch_dtype` (transformers 4).
std::optional<at::ScalarType> stated_type(const ConfigReader& config) {
  for (const char* field : {"dtype", "torch_dtype"}) {
    const std::string stated = config.string_or(field, "");
    if (stated.empty()) continue;
    for (const auto& [name, type] : kTypes)
      if (stated == name || stated == "torch." + std::string(name)) return type;
    config.fail(field, "is \"" + stated + "\"; expected float32, bfloat16 or float16");
  }
  return std::nullopt;
}

/// Largest number of elements of a new checkpoint, 2^42: more must be a mistake in the
/// configuration.
constexpr double kMostElements = 4398046511104.0;

/// Counted in double, which cannot overflow.
void check_size(const std::vector<WeightSource>& sources, const fs::path& config) {
  double elements = 0;
  for (const WeightSource& tensor : sources) {
    double count = 1;
    for (const std::int64_t size : tensor.shape) count *= static_cast<double>(size);
    elements += count;
  }
  if (elements > kMostElements) {
    std::ostringstream message;
    message << config.string() << ": the model has " << elements
            << " parameters, but at most 4.4e12 can be written";
    throw InputError(message.str());
  }
}

/// Stream of random numbers of a tensor, the first 64 bits of the SHA-256 of its name.
std::uint64_t stream_of(const std::string& name) {
  const std::string hash = sha256_hex(name).substr(0, 16);
  return std::stoull(hash, nullptr, 16);
}

/// The table that DistilBERT begins with, computed in float64 and rounded once.
at::Tensor sinusoidal(const std::vector<std::int64_t>& shape) {
  at::Tensor table = at::empty(shape, at::kFloat);
  float* value = table.data_ptr<float>();
  for (std::int64_t pos = 0; pos < shape[0]; ++pos)
    for (std::int64_t j = 0; j < shape[1]; ++j) {
      const double exponent = 2.0 * static_cast<double>(j / 2) / static_cast<double>(shape[1]);
      const double angle = static_cast<double>(pos) / std::pow(10000.0, exponent);
      *value++ = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return table;
}

at::Tensor make_tensor(const WeightSource& tensor, const InitialValues& values, at::ScalarType type,
                       std::uint64_t seed) {
  switch (values.kind) {
    case InitialValues::Kind::zeros:
      return at::full(tensor.shape, 0.0, type);
    case InitialValues::Kind::ones:
      return at::full(tensor.shape, 1.0, type);
    case InitialValues::Kind::constant:
      return at::full(tensor.shape, values.deviation, type);
    case InitialValues::Kind::sinusoidal:
      return sinusoidal(tensor.shape).to(type);
    case InitialValues::Kind::normal:
      break;
  }
  // Tensors are made one by one while the file is written, so that memory holds only one.
  at::Tensor made = at::empty(tensor.shape, type);
  fill_normal(made, values.deviation, seed, stream_of(tensor.name));
  if (values.zero_row) made.select(0, *values.zero_row).zero_();
  return made;
}

/// Text of the configuration, changed only where it does not describe the written weights.
std::string config_text(const fs::path& path, const Family& family, at::ScalarType type,
                        std::optional<at::ScalarType> stated) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  // Ordered JSON keeps the fields in the order of the author.
  auto config = nlohmann::ordered_json::parse(text.str());
  const auto named = config.find("architectures");
  const bool nameless = named == config.end() || named->empty();  // null is empty too
  if (stated == type && !nameless) return text.str();
  if (nameless) config["architectures"] = {family.architecture};
  // Both spellings of the type are kept in step where both are present.
  const char* other = "torch_dtype";
  if (config.contains(other)) config[other] = type_name(type);
  if (config.contains("dtype") || !config.contains(other)) config["dtype"] = type_name(type);
  return config.dump(2) + "\n";
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw RunError(path.string() + ": cannot be written (is the disk full?)");
}

/// The writer decides the order of tensors in the file and asks for each when it is due.
void write_weights(const fs::path& path, const std::vector<WeightSource>& sources,
                   const Initialization& initialization, at::ScalarType type, std::uint64_t seed) {
  std::vector<SafetensorsTensor> tensors;
  std::unordered_map<std::string, const WeightSource*> by_name;
  for (const WeightSource& tensor : sources) {
    tensors.push_back({tensor.name, type, tensor.shape});
    by_name[tensor.name] = &tensor;
  }
  const auto make = [&](const SafetensorsTensor& wanted) {
    const WeightSource& tensor = *by_name.at(wanted.name);
    return make_tensor(tensor, initialization.values_of(tensor), type, seed);
  };
  write_safetensors(path, std::move(tensors), make, {{"format", "pt"}});
}

}  // namespace

CreatedCheckpoint create_checkpoint(const NewCheckpoint& request) {
  const nlohmann::json json = read_json(request.config);
  const ConfigReader config(json, request.config);
  reject_quantized(json, request.config);
  const Family& family = find_family(config);
  const TransformerSpec spec = family.read_spec(config);
  const Initialization initialization(spec, config);
  const auto stated = stated_type(config);
  // The type of the request wins over that of the configuration.
  const at::ScalarType type = request.dtype.value_or(stated.value_or(at::kFloat));
  type_name(type);  // throws for any other type
  const std::vector<WeightSource> sources =
      weight_sources(family, spec, family.settings(config, spec));
  check_size(sources, request.config);

  // Everything that can be refused has been refused; only writing can fail from here on.
  NewFolder folder(request.directory);
  write_text(folder.path() / "config.json", config_text(request.config, family, type, stated));
  write_weights(folder.path() / "model.safetensors", sources, initialization, type, request.seed);
  folder.publish();

  CreatedCheckpoint created;
  for (const WeightSource& tensor : sources) {
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= size;
    created.parameters += count;
  }
  created.weight_bytes = static_cast<std::uint64_t>(created.parameters) * c10::elementSize(type);
  return created;
}

}  // namespace lensbench
