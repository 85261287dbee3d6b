#include "checkpoint/gguf/gguf_weights.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <utility>
#include <vector>

#include "core/text/printable.hpp"

// llama.cpp names the tensors of all architectures alike (gguf-py, tensor_mapping.py). Its
// converter writes the rows of queries and keys of the architecture `llama` in pairs that rotate
// together; transformers has the first halves of all pairs before the second ones.

namespace lensbench {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 3> kOutsideBlocks = {
    {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}}};
constexpr std::array<Pair, 11> kWithinBlocks = {{{"attn_norm", "input_layernorm"},
                                                 {"ffn_norm", "post_attention_layernorm"},
                                                 {"attn_q", "self_attn.q_proj"},
                                                 {"attn_k", "self_attn.k_proj"},
                                                 {"attn_v", "self_attn.v_proj"},
                                                 {"attn_output", "self_attn.o_proj"},
                                                 {"attn_q_norm", "self_attn.q_norm"},
                                                 {"attn_k_norm", "self_attn.k_norm"},
                                                 {"ffn_gate", "mlp.gate_proj"},
                                                 {"ffn_up", "mlp.up_proj"},
                                                 {"ffn_down", "mlp.down_proj"}}};

/// Architectures of llama.cpp, with the `model_type` of config.json that they stand for.
constexpr std::array<Pair, 4> kArchitectures = {
    {{"llama", "llama"}, {"llama", "mistral"}, {"qwen2", "qwen2"}, {"qwen3", "qwen3"}}};

/// Factors of the rotation, which config.json describes as well.
constexpr std::string_view kRotaryFactors = "rope_freqs.weight";

template <class Pairs>
std::string_view counterpart(const Pairs& pairs, std::string_view name) {
  for (const auto& [stored, other] : pairs)
    if (stored == name) return other;
  return {};
}

/// Name of `transformers` for one of llama.cpp; the same name if it is not known, so that the model
/// reports it.
std::string known_name(const std::string& stored) {
  const std::size_t dot = stored.rfind('.');
  const std::string_view module = std::string_view(stored).substr(0, dot);
  if (dot == std::string::npos) return stored;
  const std::string ending = stored.substr(dot);
  if (const auto name = counterpart(kOutsideBlocks, module); !name.empty())
    return std::string(name) + ending;
  constexpr std::string_view blocks = "blk.";
  const std::size_t end = module.find('.', blocks.size());
  if (!module.starts_with(blocks) || end == std::string_view::npos) return stored;
  const auto name = counterpart(kWithinBlocks, module.substr(end + 1));
  if (name.empty()) return stored;
  return "model.layers." + std::string(module.substr(blocks.size(), end - blocks.size())) + "." +
         std::string(name) + ending;
}

/// Architecture of a file. \throws InputError unless it is that of config.json
std::string checked_architecture(const GgufHeader& header, const std::string& file,
                                 const nlohmann::json& config) {
  const auto found = header.metadata.find("general.architecture");
  if (found == header.metadata.end() || !found->second.is_string())
    throw InputError(file + ": lacks general.architecture; fetch the GGUF file again");
  const std::string name = found->second.get<std::string>();
  const auto field = config.find("model_type");
  const std::string type =
      field != config.end() && field->is_string() ? field->get<std::string>() : "";
  std::string known;
  for (const auto& [architecture, model_type] : kArchitectures) {
    if (architecture == name && model_type == type) return name;
    known += (known.empty() ? "" : ", ") + std::string(architecture) + " (" +
             std::string(model_type) + ")";
  }
  throw InputError(file + ": has the architecture '" + printable(name) + "' for the model_type '" +
                   printable(type) + "' of config.json; supported: " + known +
                   "; use the safetensors checkpoint from which the file was made");
}

void refuse_parts(const GgufHeader& header, const std::string& file) {
  const auto count = header.metadata.find("split.count");
  if (count == header.metadata.end() || !count->second.is_number_unsigned()) return;
  if (const auto parts = count->second.get<std::uint64_t>(); parts > 1)
    throw InputError(file + ": is one of " + std::to_string(parts) +
                     " parts; join them (llama-gguf-split --merge)");
}

at::ScalarType scalar_type(GgufType type) {
  switch (type) {
    case GgufType::f32:
      return at::kFloat;
    case GgufType::f16:
      return at::kHalf;
    case GgufType::bf16:
      return at::kBFloat16;
    default:
      return at::kByte;
  }
}

Codes codes_of(GgufType type) {
  return type == GgufType::q8_0 ? Codes::q8_0 : type == GgufType::q4_k ? Codes::q4_k : Codes::q6_k;
}

bool is_blocks(GgufType type) {
  return scalar_type(type) == at::kByte;
}

}  // namespace

GgufWeights::GgufWeights(const std::filesystem::path& path, const nlohmann::json& config)
    : file_(std::make_shared<MappedFile>(path)),
      header_(parse_gguf_header(file_->bytes(), path.string())) {
  refuse_parts(header_, path.string());
  architecture_ = checked_architecture(header_, path.string(), config);
  for (const auto& [stored, tensor] : header_.tensors)
    if (stored != kRotaryFactors) add(known_name(stored), stored, tensor);
}

void GgufWeights::add(const std::string& name, const std::string& stored,
                      const GgufTensor& tensor) {
  SafetensorsEntry entry;
  entry.dtype = scalar_type(tensor.type);
  if (is_blocks(tensor.type)) entry.unreadable_type = gguf_type_info(tensor.type).name;
  entry.shape = tensor.shape;
  entry.begin = tensor.begin;
  entry.end = tensor.end;
  if (!entries_.emplace(name, std::move(entry)).second)
    throw InputError(file_->path().string() + ": has tensor '" + printable(name) +
                     "' under two names; fetch the GGUF file again");
  places_.emplace(name, Place{&tensor, paired_rows(stored, tensor)});
}

/// A number of heads. \throws InputError if it is missing
std::int64_t GgufWeights::heads(const char* key) const {
  const std::string whole = architecture_ + ".attention." + key;
  const auto found = header_.metadata.find(whole);
  if (found == header_.metadata.end() || !found->second.is_number_unsigned() ||
      found->second.get<std::uint64_t>() - 1 >= (1U << 16))
    throw InputError(file_->path().string() + ": lacks the number " + whole +
                     ", by which the rows of queries and keys are in order; fetch the GGUF file "
                     "again");
  return found->second.get<std::int64_t>();
}

std::int64_t GgufWeights::paired_rows(std::string_view stored, const GgufTensor& tensor) const {
  const bool query = stored.find(".attn_q.") != std::string_view::npos;
  const bool key = stored.find(".attn_k.") != std::string_view::npos;
  if (architecture_ != "llama" || (!query && !key)) return 0;
  const std::int64_t rows = tensor.shape.front();
  const std::int64_t count = heads(query ? "head_count" : "head_count_kv");
  if (rows % (2 * count) != 0)
    throw InputError(file_->path().string() + ": tensor '" + printable(stored) + "' has " +
                     std::to_string(rows) + " rows, expected an even number for each of " +
                     std::to_string(count) + " heads; fetch the GGUF file again");
  return rows / count;
}

bool GgufWeights::has_blocks() const {
  return std::any_of(header_.tensors.begin(), header_.tensors.end(),
                     [](const auto& item) { return is_blocks(item.second.type); });
}

const GgufWeights::Place& GgufWeights::place(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end())
    throw InputError(file_->path().string() + ": tensor '" + printable(name) + "' is missing");
  // Before bytes are used: a read beyond the end of a truncated file would kill the process.
  file_->require_unchanged();
  return found->second;
}

at::Tensor GgufWeights::view(const GgufTensor& tensor, at::ScalarType type,
                             at::IntArrayRef shape) const {
  const char* data = file_->bytes().data() + header_.data_begin + tensor.begin;
  // The deleter keeps the mapping for as long as any tensor uses it.
  return at::from_blob(
      const_cast<char*>(data), shape, [keep = file_](void*) {}, at::TensorOptions().dtype(type));
}

at::Tensor GgufWeights::tensor(std::string_view name) const {
  const Place& found = place(name);
  const GgufTensor& stored = *found.tensor;
  if (is_blocks(stored.type))
    throw InputError(file_->path().string() + ": tensor '" + printable(name) + "' has the type " +
                     gguf_type_info(stored.type).name + ", expected F32, F16 or BF16");
  const at::Tensor tensor = view(stored, scalar_type(stored.type), stored.shape);
  if (found.paired_rows == 0) return tensor;
  // [head, pair, 2, ...] to [head, 2, pair, ...]
  const at::Tensor pairs = tensor.unflatten(0, {-1, found.paired_rows / 2, 2});
  return pairs.transpose(1, 2).reshape(tensor.sizes());
}

std::shared_ptr<const QuantizedMatrix> GgufWeights::matrix(std::string_view name) const {
  const Place& found = place(name);
  const GgufTensor& stored = *found.tensor;
  if (!is_blocks(stored.type) || stored.shape.size() != 2)
    throw InputError(file_->path().string() + ": tensor '" + printable(name) +
                     "' is not a matrix of blocks, as the model needs; fetch the GGUF file again");
  auto matrix = std::make_shared<QuantizedMatrix>();
  matrix->codes = codes_of(stored.type);
  matrix->rows = stored.shape[0];
  matrix->columns = stored.shape[1];
  matrix->paired_rows = found.paired_rows;
  matrix->data = view(stored, at::kByte, {static_cast<std::int64_t>(stored.end - stored.begin)});
  return matrix;
}

}  // namespace lensbench
