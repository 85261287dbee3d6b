#include "checkpoint/weights/foreign_weights.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <vector>

#include "core/files/regular_file.hpp"
#include "core/text/printable.hpp"
#include "core/text/shell_words.hpp"

// Advice about weights in other formats. Pickled files run code when they are loaded, so lensbench
// never opens them; a folder or file is judged by names alone. Each message has the command that
// converts the weights, with classes and options of transformers.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// Class of transformers that loads the model with its prediction head.
std::string auto_class(const nlohmann::json& config) {
  const auto names = config.is_object() ? config.find("architectures") : config.end();
  const std::string text = config.is_object() && names != config.end() ? names->dump() : "";
  return text.find("MaskedLM") == std::string::npos ? "AutoModelForCausalLM"
                                                    : "AutoModelForMaskedLM";
}

/// Command that loads the pickled weights of a directory and writes safetensors to it.
std::string convert_in_place(const fs::path& directory, const nlohmann::json& config) {
  return python_command("from transformers import " + auto_class(config) + " as M",
                        "M.from_pretrained(a[0]).save_pretrained(a[0])", {directory.string()});
}

/// A GGUF file describes its model and tokenizer in a form of its own, so config.json and the files
/// of the tokenizer are needed next to it. The command makes both.
std::string explain_gguf(const fs::path& file) {
  const fs::path directory = file.parent_path().empty() ? "." : file.parent_path();
  const std::string convert = ".from_pretrained(a[0], gguf_file=a[1]).save_pretrained(a[2])";
  return "a GGUF file; put config.json and the tokenizer of the model from which it was made into "
         "its folder and give the folder, or convert it: " +
         python_command("from transformers import AutoModelForCausalLM as M, AutoTokenizer as T",
                        "M" + convert + "; T" + convert,
                        {directory.string(), file.filename().string(),
                         (directory / (file.stem().string() + "-safetensors")).string()}) +
         " (which needs the Python package gguf)";
}

/// Names of the files, sorted, so that a message names the same file on every machine. A folder
/// that cannot be read has none.
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

bool is_weight_file(const std::string& name) {
  return ends_with_any(name, {".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".pkl",
                              ".h5", ".msgpack", ".onnx"});
}

/// Name of the file by which a folder is known to hold an adapter and not a whole model; empty for
/// any other folder. Trainers also write files of their own (`optimizer.pt`) next to an adapter.
std::string adapter_file(const std::vector<std::string>& names) {
  std::string adapter;
  for (const std::string& name : names) {
    const bool whole =
        name.starts_with("model") || name.starts_with("pytorch_model") || name.ends_with(".gguf");
    if (whole && is_weight_file(name)) return "";
    if (adapter.empty() && (name == "adapter_config.json" || name.starts_with("adapter_model.")))
      adapter = name;
  }
  return adapter;
}

}  // namespace

std::string explain_adapter(const fs::path& directory) {
  const std::string file = adapter_file(file_names(directory));
  if (file.empty()) return "";
  return directory.string() + ": is an adapter of PEFT (" + file +
         "), which is not a whole model; merge it into its base model: " +
         python_command("from peft import AutoPeftModelForCausalLM as M",
                        "M.from_pretrained(a[0]).merge_and_unload().save_pretrained(a[1])",
                        {directory.string(), directory.string() + "-merged"});
}

/// A folder may have weights in several formats; the first message that applies is given.
std::string explain_missing_weights(const fs::path& directory, const nlohmann::json& config) {
  if (const std::string adapter = explain_adapter(directory); !adapter.empty()) return adapter;
  const std::string where = directory.string() + ": ";
  const auto names = file_names(directory);
  const auto found = [&](std::initializer_list<const char*> endings) {
    const auto it = std::find_if(names.begin(), names.end(),
                                 [&](const std::string& n) { return ends_with_any(n, endings); });
    if (it == names.end()) return std::string();
    refuse_lfs_pointer_file(directory / *it);
    return *it;
  };
  if (const auto name = found({".gguf"}); !name.empty())
    return where + printable(name) + " is " + explain_gguf(directory / name);
  if (const auto name = found({".bin", ".pt", ".pth", ".ckpt", ".pkl"}); !name.empty())
    return where + "the weights are pickled (" + printable(name) +
           "), which lensbench never opens because loading them can run code; if you trust them, "
           "convert them to safetensors: " +
           convert_in_place(directory, config);
  if (const auto name = found({".h5", ".msgpack", ".onnx"}); !name.empty())
    return where + "the weights are not safetensors (" + printable(name) +
           "); export them to PyTorch and save them with save_pretrained";
  // Shards without an index: a download that was interrupted, or of single files.
  const auto is_shard = [](const std::string& name) {
    return name.ends_with(".safetensors") && name.find("-of-") != std::string::npos;
  };
  if (const auto shards = std::count_if(names.begin(), names.end(), is_shard); shards > 0)
    return where + "model.safetensors.index.json, the index of the " + std::to_string(shards) +
           " shards, is missing; fetch it into this folder (hf download NAME "
           "model.safetensors.index.json)";
  if (const auto name = found({".safetensors"}); !name.empty())
    return where + "model.safetensors and model.safetensors.index.json are missing; rename " +
           printable(name) + " to model.safetensors if it is the whole model";
  return where + "the weights are missing (model.safetensors or model.safetensors.index.json)";
}

bool has_foreign_weights(const fs::path& directory) {
  const auto names = file_names(directory);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return ends_with_any(name, {".gguf", ".bin", ".pt", ".pth", ".ckpt", ".pkl"});
  });
}

fs::path gguf_file(const fs::path& directory) {
  fs::path found;
  for (const std::string& name : file_names(directory)) {
    if (!ends_with_any(name, {".gguf"})) continue;
    if (!found.empty())
      throw InputError(directory.string() + ": has several GGUF files (" +
                       printable(found.filename().string()) + ", " + printable(name) +
                       "); give a folder with one of them");
    found = directory / name;
  }
  if (!found.empty()) refuse_lfs_pointer_file(found);
  return found;
}

/// The path itself was given, so the advice is about the folder that it belongs to.
std::string explain_weight_file(const fs::path& file) {
  const std::string name = file.filename().string(), where = printable(file.string()) + ": is ";
  if (ends_with_any(name, {".gguf"})) return where + explain_gguf(file);
  if (ends_with_any(name, {".bin", ".pt", ".pth", ".ckpt", ".pkl"}))
    return where +
           "a file of pickled weights, which lensbench never opens because loading it can run "
           "code; "
           "give a directory with config.json and model.safetensors";
  if (ends_with_any(name, {".safetensors"}))
    return where + "one file of a model; give its directory, which also contains config.json";
  return "";
}

namespace {

/// Name of the method for the message; it comes from a file and may be anything.
std::string method_of(const nlohmann::json& settings) {
  const auto method = settings.is_object() ? settings.find("quant_method") : settings.end();
  if (!settings.is_object() || method == settings.end() || !method->is_string()) return "quantized";
  return printable(method->get<std::string>());
}

/// Advice about quantized weights: transformers can dequantize bitsandbytes, FP8 and MXFP4, but
/// not GPTQ and AWQ.
std::string advice_on(const std::string& method, const fs::path& directory) {
  const auto load = [&](const std::string& imports, const std::string& options,
                        const std::string& then) {
    return "dequantize them: " +
           python_command(
               "import torch; from transformers import AutoModelForCausalLM as M, "
               "AutoTokenizer as T" +
                   imports,
               "M.from_pretrained(a[0], dtype=torch.bfloat16" + options + ")" + then +
                   ".save_pretrained(a[1]); T.from_pretrained(a[0]).save_pretrained(a[1])",
               {directory.string(), directory.string() + "-plain"});
  };
  if (method == "bitsandbytes") return load("", "", ".dequantize()");
  if (method == "fp8")
    return load(", FineGrainedFP8Config as Q", ", quantization_config=Q(dequantize=True)", "");
  if (method == "mxfp4")
    return load(", Mxfp4Config as Q", ", quantization_config=Q(dequantize=True)", "");
  return "use the original checkpoint, which the model card names (hf download NAME)";
}

/// What `advice_on` says about a description outside of config.json, which old programs wrote.
std::string advice_on_file(const std::string& method) {
  return method == "gptq"
             ? "write its content as quantization_config, with \"quant_method\": \"gptq\", into "
               "config.json"
             : "write quantization_config into config.json, with \"quant_method\": \"awq\" and its "
               "w_bit, q_group_size, zero_point and version as bits, group_size, zero_point and "
               "version";
}

}  // namespace

/// Refuses quantized weights before a tensor is opened: their tensors have other names and types,
/// so a later error would not name the cause.
void reject_quantized(const nlohmann::json& config, const fs::path& config_path) {
  const fs::path directory = config_path.parent_path();
  fs::path where = config_path;
  // The first description that is found counts.
  std::string method, advice;
  // MLX writes "quantization", the others "quantization_config".
  for (const char* name : {"quantization_config", "quantization"}) {
    const auto field = config.find(name);
    if (field == config.end() || field->is_null() || !method.empty()) continue;
    where += std::string(": ") + name;
    method = method_of(*field);
  }
  std::error_code error;
  // Older versions of GPTQ and AWQ describe the quantization in files of their own.
  for (const char* name : {"quantize_config.json", "quant_config.json"})
    if (method.empty() && fs::exists(directory / name, error)) {
      where = directory / name;
      method = std::string_view(name) == "quant_config.json" ? "awq" : "gptq";
      advice = advice_on_file(method);
    }
  if (method.empty()) return;
  if (advice.empty()) advice = advice_on(method, directory);
  throw InputError(where.string() + ": the weights are " + method +
                   ", expected float32, float16, bfloat16, or a quantization_config of fp8, mxfp4, "
                   "gptq, awq or compressed-tensors; " +
                   advice);
}

}  // namespace lensbench
