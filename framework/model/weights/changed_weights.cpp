#include "model/weights/changed_weights.hpp"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "core/files/sha256.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "model/weights/visit_weights.hpp"
#include "model/weights/weight_names.hpp"

namespace lensbench {
namespace {

/// Bytes of memory that a tensor's elements are in, from the first to the last. A quantized weight
/// has no memory; its bytes are counted from the beginning of its matrix.
struct Span {
  const QuantizedMatrix* matrix = nullptr;
  std::uintptr_t begin = 0, end = 0;
  bool overlaps(const Span& other) const {
    return matrix == other.matrix && begin < other.end && other.begin < end;
  }
};

/// The last element follows from the strides, since views may overlap without being equal.
Span span_of(const at::Tensor& tensor) {
  std::int64_t last = 0;
  for (std::int64_t axis = 0; axis < tensor.dim(); ++axis)
    last += (tensor.size(axis) - 1) * tensor.stride(axis);
  const std::size_t item = tensor.element_size();
  const QuantizedMatrix* matrix = quantized_matrix(tensor);
  const std::uintptr_t begin = matrix == nullptr
                                   ? reinterpret_cast<std::uintptr_t>(tensor.data_ptr())
                                   : static_cast<std::size_t>(tensor.storage_offset()) * item;
  return {matrix, begin, begin + static_cast<std::size_t>(last + 1) * item};
}

/// Moves every tensor that shares memory with `view` into memory of its own, with the same strides,
/// so that views of one stored matrix stay views of one matrix. The files are mapped: what is
/// changed must be copied first.
void make_own(ModelWeights& weights, const at::Tensor& view) {
  // Views may chain: a span is extended until no tensor overlaps it from outside.
  Span shared = span_of(view);
  at::Tensor first = view;
  for (bool grew = true; grew;) {
    grew = false;
    visit_weights(weights, [&](at::Tensor& tensor) {
      const Span span = span_of(tensor);
      if (!span.overlaps(shared)) return;
      if (span.begin < shared.begin) first = tensor;
      grew = grew || span.begin < shared.begin || span.end > shared.end;
      shared = {shared.matrix, std::min(shared.begin, span.begin), std::max(shared.end, span.end)};
    });
  }
  const std::size_t item = view.element_size();
  const auto count = static_cast<std::int64_t>((shared.end - shared.begin) / item);
  // One copy of the whole span; the tensors become views into it with their old strides.
  const at::Tensor whole = first.as_strided({count}, {1}, first.storage_offset());
  const at::Tensor copy = (shared.matrix == nullptr ? whole : readable(whole)).clone();
  visit_weights(weights, [&](at::Tensor& tensor) {
    const Span span = span_of(tensor);
    if (!span.overlaps(shared)) return;
    const auto begin = static_cast<std::int64_t>((span.begin - shared.begin) / item);
    tensor = copy.as_strided(tensor.sizes(), tensor.strides(), begin);
  });
}

std::string text_of(at::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

/// The new value in the type and on the device of the old one.
at::Tensor checked_value(const WeightChange& change, const at::Tensor& old) {
  const std::string subject = "change of weight '" + change.name + "': ";
  if (!old.defined())
    throw UsageError(subject + "this model does not have that bias; leave it out");
  if (!change.value.defined() || change.value.sizes() != old.sizes())
    throw UsageError(subject + "found " +
                     (change.value.defined() ? "the shape " + text_of(change.value.sizes())
                                             : std::string("no value")) +
                     ", expected " + text_of(old.sizes()));
  // The value is rounded to the type of the model before it is checked, since it may overflow
  // there.
  const at::Device device = is_quantized(old) ? at::Device(at::kCPU) : old.device();
  const at::Tensor value = change.value.detach().to(device, old.scalar_type());
  if (!at::isfinite(value).all().item<bool>())
    throw UsageError(subject +
                     "found NaN or infinity, expected numbers that are finite in the "
                     "model's type");
  return value;
}

/// The queries of fused projections are not contiguous in the stored matrix, so `named_weight`
/// cannot give a view of them. \return whether the name was that of such queries
bool write_fused_queries(const TransformerSpec& spec, ModelWeights& weights,
                         const std::string& name, const at::Tensor& value) {
  const bool matrix = name.ends_with(".attn.W_Q");
  if (!spec.attention.fused_by_group || (!matrix && !name.ends_with(".attn.b_Q"))) return false;
  // `named_weight` has checked that the name is blocks.{l}.attn.
  const auto layer = static_cast<std::size_t>(std::stoll(name.substr(std::strlen("blocks."))));
  Linear& qkv = weights.blocks[layer].qkv;
  make_own(weights, matrix ? qkv.weight : qkv.bias);
  const std::int64_t kv = spec.attention.n_key_value_heads, group = spec.attention.n_heads / kv;
  const at::Tensor heads = matrix ? value.transpose(0, 1) : value;
  std::vector<std::int64_t> shape = heads.sizes().vec();
  shape.erase(shape.end() - 2);
  // [head, ...] to [kv_head, group, ...], as the fused matrix orders the queries.
  shape.insert(shape.end() - 1, {kv, group});
  fused_groups(spec.attention, matrix ? qkv.weight : qkv.bias)
      .narrow(-2, 0, group)
      .copy_(heads.reshape(shape));
  return true;
}

/// float32 for every type, so that equal numbers have equal digests.
std::string digest_of(const at::Tensor& value) {
  const at::Tensor plain = value.detach().to(at::kCPU).to(at::kFloat).contiguous();
  return sha256_hex({static_cast<const char*>(plain.data_ptr()),
                     static_cast<std::size_t>(plain.numel()) * sizeof(float)});
}

}  // namespace

ModelWeights changed_weights(const TransformerSpec& spec, ModelWeights weights,
                             const std::vector<WeightChange>& changes) {
  // In order: a later change of the same weight wins.
  for (const WeightChange& change : changes) {
    const at::Tensor value = checked_value(change, named_weight(spec, weights, change.name));
    if (write_fused_queries(spec, weights, change.name, value)) continue;
    // After make_own the named weight is a view of memory that belongs to this model alone.
    make_own(weights, named_weight(spec, weights, change.name));
    named_weight(spec, weights, change.name).copy_(value);
  }
  return weights;
}

std::shared_ptr<const Model> with_weights(const std::shared_ptr<const Model>& model,
                                          const std::vector<WeightChange>& changes) {
  if (changes.empty()) return model;
  const auto* own = dynamic_cast<const Reweighted*>(model.get());
  if (own == nullptr)
    throw UsageError(
        "change of weights: this model is not one that Model::open returned; open the checkpoint");
  return own->reweighted(changes);
}

std::vector<WeightChange> weight_changes(const Model& model) {
  const auto* own = dynamic_cast<const Reweighted*>(&model);
  return own == nullptr ? std::vector<WeightChange>{} : own->changes();
}

/// Shape and digest, not the numbers: they may be larger than all results of a run.
std::string weight_changes_to_json(const std::vector<WeightChange>& changes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const WeightChange& change : changes)
    list.push_back({{"weight", change.name},
                    {"shape", change.value.sizes().vec()},
                    {"sha256", digest_of(change.value)}});
  return list.dump();
}

}  // namespace lensbench
