#include "checkpoint/foreign_weights.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <vector>

#include "core/printable.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

std::string save_as_safetensors(const std::string& load_options) {
  return "python3 -c \"from transformers import AutoModelForCausalLM as M; "
         "M.from_pretrained('SOURCE'" +
         load_options + ").save_pretrained('TARGET')\"";
}

std::vector<std::string> file_names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return name.ends_with(ending); });
}

}  // namespace

std::string explain_missing_weights(const fs::path& directory) {
  const std::string where = directory.string() + ": ";
  const auto names = file_names(directory);
  const auto found = [&](std::initializer_list<const char*> endings) {
    const auto it = std::find_if(names.begin(), names.end(),
                                 [&](const std::string& n) { return ends_with_any(n, endings); });
    return it == names.end() ? std::string() : printable(*it);
  };
  if (const auto name = found({".gguf"}); !name.empty())
    return where + "has " + name +
           ", a GGUF file, and lensbench reads safetensors; convert it with " +
           save_as_safetensors(", gguf_file='" + name + "'");
  if (const auto name = found({".bin", ".pt", ".pth", ".ckpt", ".pkl"}); !name.empty())
    return where + "has pickled weights (" + name +
           "), which can run code when loaded and are never opened here; if you trust them, "
           "convert "
           "them to safetensors with " +
           save_as_safetensors("");
  if (const auto name = found({".h5", ".msgpack", ".onnx"}); !name.empty())
    return where + "has " + name +
           " and no safetensors; export it to PyTorch and save it with save_pretrained";
  if (const auto name = found({".safetensors"}); !name.empty())
    return where + "has " + name +
           ", but neither model.safetensors nor model.safetensors.index.json; rename it if it is "
           "the "
           "whole model";
  return where + "has no weights (neither model.safetensors nor model.safetensors.index.json)";
}

void reject_quantized(const nlohmann::json& config, const fs::path& config_path) {
  const auto field = config.find("quantization_config");
  if (field == config.end() || field->is_null()) return;
  std::string method = "quantized";
  if (field->is_object() && field->contains("quant_method") && (*field)["quant_method"].is_string())
    method = printable((*field)["quant_method"].get<std::string>());
  throw InputError(
      config_path.string() + ": quantization_config: the weights are " + method +
      ", and lensbench reads plain float32, float16 or bfloat16; use the unquantized "
      "model, or dequantize it: load it with transformers, call model.dequantize(), then "
      "save_pretrained");
}

}  // namespace lensbench
