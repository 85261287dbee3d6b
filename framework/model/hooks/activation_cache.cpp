#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <optional>
#include <utility>

#include "core/files/spill_file.hpp"

namespace lensbench {
namespace {

std::int64_t bytes_of(const at::Tensor& x) {
  return x.numel() * static_cast<std::int64_t>(x.element_size());
}

/// Copy of a tensor that is a part of a larger one, since a view would keep the whole one alive.
at::Tensor compact(const at::Tensor& x) {
  const at::Tensor values = x.detach().contiguous();
  const bool owns = static_cast<std::int64_t>(values.storage().nbytes()) == bytes_of(values);
  return owns ? values : values.clone();
}

at::Tensor as_half(const at::Tensor& x, const std::string& name) {
  const at::Tensor half = x.to(at::kHalf);
  if (half.isinf().equal(x.isinf())) return half;
  throw UsageError("activation cache: '" + name +
                   "' holds a value beyond 65504, the largest of float16; keep float32");
}

}  // namespace

struct ActivationCache::State {
  struct Entry {
    at::Tensor held;  ///< undefined if stored in the file
    std::int64_t offset = 0;
    std::vector<std::int64_t> shape;
    at::ScalarType stored = at::kFloat, original = at::kFloat;
    at::Device device = at::kCPU;
  };

  State(const Model& model, ActivationCacheOptions given)
      : spec(model.spec()), options(std::move(given)) {
    for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
      output_biases.push_back(model.weight("blocks." + std::to_string(layer) + ".attn.b_O"));
  }

  void keep(const at::Tensor& activation, const std::string& name) {
    if (entries.contains(name)) return;  // two globs may match it
    const bool half = options.float16 && activation.is_floating_point();
    at::Tensor x = compact(half ? as_half(activation, name) : activation);
    Entry entry;
    entry.shape = x.sizes().vec();
    entry.stored = x.scalar_type();
    entry.original = activation.scalar_type();
    entry.device = x.device();
    if (held_bytes + bytes_of(x) <= options.memory_bytes) {
      held_bytes += bytes_of(x);
      entry.held = std::move(x);
    } else {
      if (!file) file.emplace(options.folder);
      x = x.to(at::kCPU);
      entry.offset = file->append(
          {static_cast<const std::byte*>(x.data_ptr()), static_cast<std::size_t>(bytes_of(x))});
    }
    names.push_back(name);
    entries.emplace(name, std::move(entry));
  }

  at::Tensor get(const Entry& entry) const {
    if (entry.held.defined()) return entry.held.to(entry.original);
    std::size_t bytes = c10::elementSize(entry.stored);
    for (const std::int64_t size : entry.shape) bytes *= static_cast<std::size_t>(size);
    const auto memory = file->map(entry.offset, bytes);
    const at::Tensor mapped = at::from_blob(
        memory.get(), entry.shape, [memory](void*) {}, at::TensorOptions().dtype(entry.stored));
    return mapped.to(at::TensorOptions().dtype(entry.original).device(entry.device));
  }

  /// Entry of a hook point; nullptr if the point was not cached.
  const Entry* find(std::string_view name) const {
    const auto exact = entries.find(std::string(name));
    if (exact != entries.end()) return &exact->second;
    const auto points = match_hook_points(spec, name);
    if (points.size() != 1)
      throw UsageError("activation cache: '" + std::string(name) + "' matches " +
                       std::to_string(points.size()) + " hook points; name a single one");
    const auto found = entries.find(points.front().name);
    return found == entries.end() ? nullptr : &found->second;
  }

  TransformerSpec spec;
  ActivationCacheOptions options;
  std::vector<at::Tensor> output_biases;
  std::map<std::string, Entry> entries;
  std::vector<std::string> names;
  std::int64_t held_bytes = 0;
  std::optional<SpillFile> file;
  ForwardOutput output;
};

ActivationCache::ActivationCache(const Model& model, const TokenBatch& tokens,
                                 const std::vector<std::string>& globs,
                                 ActivationCacheOptions options, const ForwardOptions& forward,
                                 const Hooks& hooks)
    : state_(std::make_unique<State>(model, std::move(options))) {
  Hooks all = hooks;
  State* state = state_.get();
  for (const std::string& glob : globs)
    all.read(glob, [state](const at::Tensor& activation, const HookPoint& point) {
      state->keep(activation, point.name);
    });
  state_->output = model.forward(tokens, forward, all);
}

ActivationCache::~ActivationCache() = default;
ActivationCache::ActivationCache(ActivationCache&&) noexcept = default;
ActivationCache& ActivationCache::operator=(ActivationCache&&) noexcept = default;

at::Tensor ActivationCache::operator[](std::string_view name) const {
  if (const auto* entry = state_->find(name)) return state_->get(*entry);
  throw UsageError("activation cache: '" + std::string(name) +
                   "' was not cached; add it to the globs of the cache");
}

bool ActivationCache::contains(std::string_view name) const {
  return state_->find(name) != nullptr;
}

const std::vector<std::string>& ActivationCache::names() const {
  return state_->names;
}
std::int64_t ActivationCache::held_bytes() const {
  return state_->held_bytes;
}
std::int64_t ActivationCache::spilled_bytes() const {
  return state_->file ? state_->file->size() : 0;
}
const ForwardOutput& ActivationCache::output() const {
  return state_->output;
}

namespace {

std::int64_t checked_layer(const TransformerSpec& spec, std::int64_t layer) {
  if (layer == -1) return spec.n_layers;
  if (layer >= 0 && layer <= spec.n_layers) return layer;
  throw UsageError("activation cache: layer " + std::to_string(layer) +
                   " does not exist; give 0 to " + std::to_string(spec.n_layers) +
                   ", or -1 for all");
}

std::string block(std::int64_t layer, const std::string& hook) {
  return "blocks." + std::to_string(layer) + "." + hook;
}

struct Stacking {
  std::vector<std::string> labels;
  std::vector<at::Tensor> parts;

  void add(std::string label, at::Tensor part) {
    labels.push_back(std::move(label));
    parts.push_back(std::move(part));
  }
  void add_heads(std::int64_t layer, const at::Tensor& results, double scale) {
    for (std::int64_t head = 0; head < results.size(2); ++head) {
      const at::Tensor part = results.select(2, head);
      add("L" + std::to_string(layer) + "H" + std::to_string(head),
          scale == 1.0 ? part : part.mul(scale));
    }
  }
  LabelledStack stack() {
    if (parts.empty())
      throw UsageError(
          "activation cache: layer 0 leaves nothing to stack; give a larger layer, or -1 for all");
    return {std::move(labels), at::stack(parts)};
  }
};

}  // namespace

LabelledStack ActivationCache::accumulated_residual(std::int64_t layer, bool mid) const {
  const TransformerSpec& spec = state_->spec;
  const std::int64_t end = checked_layer(spec, layer);
  Stacking stacking;
  for (std::int64_t l = 0; l < std::min(end + 1, spec.n_layers); ++l) {
    stacking.add(std::to_string(l) + "_pre", (*this)[block(l, "hook_resid_pre")]);
    if (mid && l < end)
      stacking.add(std::to_string(l) + "_mid", (*this)[block(l, "hook_resid_mid")]);
  }
  if (end == spec.n_layers) {
    const bool after = spec.norm_placement == NormPlacement::after_add;
    stacking.add("final_post",
                 (*this)[block(end - 1, after ? "hook_normalized_resid_post" : "hook_resid_post")]);
  }
  return stacking.stack();
}

LabelledStack ActivationCache::decomposed_residual(std::int64_t layer, bool by_head) const {
  const TransformerSpec& spec = state_->spec;
  const std::int64_t end = checked_layer(spec, layer);
  if (spec.norm_placement == NormPlacement::after_add)
    throw UsageError(
        "activation cache: this model normalises its stream after each addition, so the "
        "stream "
        "is not a sum of its additions");
  if (by_head && spec.norm_placement != NormPlacement::before)
    throw UsageError(
        "activation cache: this model normalises the attention output before the addition, so "
        "it "
        "is not a sum over heads");
  Stacking stacking;
  stacking.add("embed", (*this)["hook_embed"]);
  if (spec.position == PositionKind::learned)
    stacking.add("pos_embed", (*this)["hook_pos_embed"].expand_as(stacking.parts.front()));
  at::Tensor bias = at::zeros_like(stacking.parts.front());
  for (std::int64_t l = 0; l < end; ++l) {
    if (by_head) {
      stacking.add_heads(l, (*this)[block(l, "attn.hook_result")], spec.residual_scale);
      const at::Tensor& b_o = state_->output_biases[static_cast<std::size_t>(l)];
      if (b_o.defined()) bias = bias.add(b_o.mul(spec.residual_scale));
    } else {
      stacking.add(std::to_string(l) + "_attn_out", (*this)[block(l, "hook_attn_out")]);
    }
    stacking.add(std::to_string(l) + "_mlp_out", (*this)[block(l, "hook_mlp_out")]);
  }
  if (by_head) stacking.add("bias", bias);
  return stacking.stack();
}

LabelledStack ActivationCache::head_results(std::int64_t layer) const {
  const std::int64_t end = checked_layer(state_->spec, layer);
  Stacking stacking;
  for (std::int64_t l = 0; l < end; ++l)
    stacking.add_heads(l, (*this)[block(l, "attn.hook_result")], 1.0);
  return stacking.stack();
}

}  // namespace lensbench
