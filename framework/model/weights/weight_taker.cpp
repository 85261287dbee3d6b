#include "model/weights/weight_taker.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "checkpoint/quantized/quantized_parts.hpp"
#include "core/text/glob.hpp"
#include "core/text/suggest.hpp"
#include "model/forward/linear.hpp"
#include "model/weights/converted.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "model/weights/unexpected_tensors.hpp"

namespace lensbench {
namespace {

/// A mistake in a configuration makes hundreds of tensors fail.
/// A list for a message, shortened after a few items.
std::string listed(std::vector<std::string> items) {
  constexpr std::size_t shown = 12;
  const std::size_t more = items.size() > shown ? items.size() - shown : 0;
  items.resize(items.size() - more);
  return join(items, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  sizes.reserve(shape.size());
  for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
  return std::string("[").append(join(sizes, ", ")) += "]";
}

bool is_weight_type(at::ScalarType type) {
  return type == at::kFloat || type == at::kHalf || type == at::kBFloat16 || type == at::kDouble;
}

bool is_blocks_of_gguf(const Checkpoint& checkpoint, const std::string& name) {
  const auto& quantization = checkpoint.quantization();
  return quantization && quantization->method == Quantization::Method::gguf &&
         is_stored_quantized(checkpoint, name);
}

}  // namespace

WeightTaker::~WeightTaker() = default;

CheckpointTaker::CheckpointTaker(const Checkpoint& checkpoint, const ModelOptions& options,
                                 std::string_view optional_prefix, std::string_view head_prefix,
                                 const FamilySettings& settings)
    : WeightTaker(settings),
      checkpoint_(checkpoint),
      options_(options),
      prefix_(optional_prefix),
      head_prefix_(head_prefix) {}

/// A checkpoint may have the prefix at some names and not at others.
std::string CheckpointTaker::stored_name(const std::string& name) const {
  const std::string whole = prefix_ + name;
  return checkpoint_.has(whole) || is_stored_quantized(checkpoint_, whole) ? whole : name;
}

std::string CheckpointTaker::without_prefix(const std::string& name) const {
  return name.starts_with(prefix_) ? name.substr(prefix_.size()) : name;
}

bool CheckpointTaker::has(const std::string& name) const {
  const std::string stored = stored_name(name);
  return checkpoint_.has(stored) || is_stored_quantized(checkpoint_, stored);
}

/// Faults are collected and reported together, so that a user sees all of them in one try.
at::Tensor CheckpointTaker::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const std::string stored = stored_name(name);
  if (checkpoint_.has(stored)) return take_stored(stored, shape, options_.dtype);
  missing_.push_back({prefix_ + name, shape});
  return {};
}

at::Tensor CheckpointTaker::take_matrix(const std::string& name,
                                        const std::vector<std::int64_t>& shape) {
  const std::string stored = stored_name(name);
  if (!is_stored_quantized(checkpoint_, stored)) return take(name, shape);
  const QuantizedParts parts = open_quantized(checkpoint_, stored, shape);
  taken_.insert(parts.names.begin(), parts.names.end());
  idle_.insert(parts.idle.begin(), parts.idle.end());
  quantized_.push_back({stored, parts.matrix});
  const at::Tensor matrix = quantized_tensor(parts.matrix, options_.dtype);
  // The experts of MXFP4 are stored as [expert, out, in].
  return shape.size() == 3 ? matrix.view({shape[0], shape[2], shape[1]}).transpose(1, 2) : matrix;
}

at::Tensor CheckpointTaker::take_head(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  const std::string stored = head_prefix_ + name;
  if (checkpoint_.has(stored)) return take_stored(stored, shape, options_.dtype);
  missing_.push_back({stored, shape});
  return {};
}

at::Tensor CheckpointTaker::take_wide(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  const std::string stored = stored_name(name);
  if (checkpoint_.has(stored)) return take_stored(stored, shape, accumulation_type(options_.dtype));
  missing_.push_back({prefix_ + name, shape});
  return {};
}

/// Shape and type are checked before the tensor is used. A view of the mapped file is returned if
/// type and device fit, else a copy.
at::Tensor CheckpointTaker::take_stored(const std::string& stored,
                                        const std::vector<std::int64_t>& shape,
                                        at::ScalarType type) {
  taken_.insert(stored);
  const SafetensorsEntry& entry = checkpoint_.entry(stored);
  // Of GGUF files the embedding and the unembedding have blocks too. They are made here, since rows
  // of the one and tiles of the other are read in the type of the model.
  if (is_blocks_of_gguf(checkpoint_, stored)) {
    const QuantizedParts parts = open_quantized(checkpoint_, stored, shape);
    quantized_.push_back({stored, parts.matrix});
    return readable(quantized_tensor(parts.matrix, type));
  }
  if (!entry.unreadable_type.empty()) {
    wrong_.push_back(stored + " has the element type " + entry.unreadable_type +
                     ", expected F32, F16, BF16 or F64 (convert it)");
    return {};
  }
  const at::Tensor tensor = checkpoint_.tensor(stored);
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    wrong_.push_back(stored + " has shape " + shape_text(tensor.sizes().vec()) + ", expected " +
                     shape_text(shape));
    return {};
  }
  if (!is_weight_type(tensor.scalar_type())) {
    wrong_.push_back(stored + " holds integers");
    return {};
  }
  return converted(tensor, options_.device, type);
}

Unembedding CheckpointTaker::take_unembedding(const TransformerSpec& spec, const std::string& name,
                                              at::Tensor& embedding) {
  Unembedding unembedding;
  unembedding.logit_scale = spec.logit_scale;
  unembedding.logit_softcap = spec.logit_softcap;
  unembedding.weight = embedding;
  const std::string head = head_prefix_ + name;
  const bool stored = checkpoint_.has(head);
  // The tied matrix was taken as the embedding.
  if (spec.tied_unembedding && !stored) return unembedding;
  // The head may also have the prefix of the body.
  if (!stored && !checkpoint_.has(prefix_ + name)) {
    missing_.push_back({head, {spec.vocab_size, spec.embedding_width()}});
    return unembedding;
  }
  const std::vector<std::int64_t> shape{spec.vocab_size, spec.embedding_width()};
  const at::Tensor own = stored ? take_stored(head, shape, options_.dtype) : take(name, shape);
  if (spec.tied_unembedding && !embedding.defined()) {
    // safetensors stores one tensor of a shared pair, under either name.
    const auto absent =
        std::find_if(missing_.begin(), missing_.end(),
                     [&](const MissingTensor& missing) { return missing.shape == shape; });
    if (absent != missing_.end()) missing_.erase(absent);
    embedding = unembedding.weight = own;
  }
  // Two different matrices would be a model that the configuration does not describe.
  if (!spec.tied_unembedding)
    unembedding.weight = own;
  else if (own.defined() && embedding.defined() && !at::equal(own, embedding))
    wrong_.push_back(head +
                     " differs from the embedding although tie_word_embeddings is true (set it to "
                     "false in config.json to use both)");
  return unembedding;
}

/// Stored tensors that are neither taken nor buffers.
std::vector<std::string> CheckpointTaker::unused(
    const std::vector<std::string_view>& buffers) const {
  std::vector<std::string> names;
  for (const std::string& name : checkpoint_.names()) {
    if (taken_.contains(name) || idle_.contains(name)) continue;
    const std::string plain = without_prefix(name);
    const bool buffer = std::any_of(buffers.begin(), buffers.end(), [&](std::string_view glob) {
      return glob_matches(glob, plain);
    });
    if (!buffer) names.push_back(name);
  }
  return names;
}

/// One cause that explains all faults is better than the list of faults.
std::string CheckpointTaker::explain(const std::vector<std::string>& extra) const {
  if (!missing_.empty())
    if (const std::string cause = foreign_prefix(checkpoint_.names()); !cause.empty()) return cause;
  if (missing_.empty() && wrong_.empty())
    if (const std::string cause = surplus_layers(taken_, extra); !cause.empty()) return cause;
  std::vector<std::string> absent, faults;
  for (const MissingTensor& missing : missing_) absent.push_back(missing.name);
  // With a single tensor under its own name, a prefix does not explain the others.
  if (taken_.empty())
    if (const std::string cause = unknown_prefix(checkpoint_.names(), absent, prefix_);
        !cause.empty())
      return cause;
  if (wrong_.empty() && extra.empty())
    if (const std::string cause = absent_layers(taken_, absent); !cause.empty()) return cause;
  if (!absent.empty()) faults.push_back("missing: " + listed(absent));
  if (!wrong_.empty()) faults.push_back("wrong: " + listed(wrong_));
  if (!extra.empty()) faults.push_back("not part of this model: " + listed(extra));
  return "the tensors do not fit config.json; " + join(faults, "; ");
}

/// A configuration that describes plain weights as quantized is that of another checkpoint.
void CheckpointTaker::require_quantized() const {
  const auto& quantization = checkpoint_.quantization();
  if (!quantization || !quantized_.empty()) return;
  throw InputError(quantization->place + ": the weights are " + quantization->name +
                   ", but no matrix of the model is stored so; remove the field if they are plain, "
                   "or fetch the checkpoint again");
}

std::vector<std::string> CheckpointTaker::finish(const std::vector<std::string_view>& buffers,
                                                 const std::vector<std::string_view>& other_parts,
                                                 bool shorter) const {
  std::vector<std::string> extra = unused(buffers), left_out;
  for (const std::string_view part : other_parts) {
    const auto of_part = [&](const std::string& name) { return name.starts_with(part); };
    if (const auto count = std::erase_if(extra, of_part); count > 0)
      left_out.push_back(std::string(part) + "* (" + std::to_string(count) +
                         (count == 1 ? " tensor)" : " tensors)"));
  }
  // Heads for training are left out with a note; anything else that is not used is an error, since
  // it may be a part of the computation that is missing here.
  std::erase_if(extra, [&](const std::string& name) {
    const bool head = is_training_head(without_prefix(name));
    if (head) left_out.push_back(name);
    return head;
  });
  if (shorter && !surplus_layers(taken_, extra).empty()) {
    left_out.push_back("the layers after the last one of config.json (" +
                       std::to_string(extra.size()) + " tensors; leave_out_layers is true there)");
    extra.clear();
  }
  if (missing_.empty() && wrong_.empty() && extra.empty()) {
    require_quantized();
    if (idle_.size() == 1) left_out.push_back(*idle_.begin());
    if (idle_.size() > 1)
      left_out.push_back(*idle_.begin() + " and tensors like it (" + std::to_string(idle_.size()) +
                         " in all)");
    return left_out;
  }
  throw InputError(checkpoint_.directory().string() + ": " + explain(extra));
}

}  // namespace lensbench
