#include <ATen/ops/from_blob.h>

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

/// float16 copy of an activation. \throws UsageError if a finite value would become infinite
at::Tensor as_half(const at::Tensor& x, const std::string& name) {
  const at::Tensor half = x.to(at::kHalf);
  if (half.isinf().equal(x.isinf())) return half;
  throw UsageError("activation cache: '" + name +
                   "' holds a value beyond 65504, the largest of float16; keep float32");
}

/// Routing points of mixtures have one axis for all positions of all sequences instead.
bool has_batch_axis(const HookPoint& point) {
  return !point.dims.empty() && point.dims.front() == "batch";
}

}  // namespace

/// Entries by name of the hook point, in memory up to a limit and in a file beyond it.
struct ActivationCache::State {
  struct Entry {
    at::Tensor held = {};  ///< undefined if stored in the file
    std::int64_t offset = 0;
    std::vector<std::int64_t> shape = {};
    at::ScalarType stored = at::kFloat, original = at::kFloat;
    at::Device device = at::kCPU;
    bool has_batch_axis = true;
  };

  State(const Model& analysed, ActivationCacheOptions given)
      : model(&analysed), options(std::move(given)) {}

  void add(const std::string& name, Entry entry) {
    names.push_back(name);
    entries.emplace(name, std::move(entry));
  }

  /// Keeps the tensor itself, without copying, converting or spilling it.
  void hold(const at::Tensor& activation, const std::string& name, bool batch_axis) {
    if (entries.contains(name)) return;  // two globs may match it
    held_bytes += bytes_of(activation);
    add(name,
        {.held = activation, .original = activation.scalar_type(), .has_batch_axis = batch_axis});
  }

  /// Keeps a copy. It goes to the file once the budget is used up; entries that are already in
  /// memory stay there.
  void keep(const at::Tensor& activation, const HookPoint& point) {
    const std::string name = activation_name(point);
    if (entries.contains(name)) return;
    const bool half = options.float16 && activation.is_floating_point();
    at::Tensor x = compact(half ? as_half(activation, name) : activation);
    Entry entry{.shape = x.sizes().vec(),
                .stored = x.scalar_type(),
                .original = activation.scalar_type(),
                .device = x.device(),
                .has_batch_axis = has_batch_axis(point)};
    if (held_bytes + bytes_of(x) <= options.memory_bytes) {
      held_bytes += bytes_of(x);
      entry.held = std::move(x);
    } else {
      if (!file) file.emplace(options.folder);
      x = x.to(at::kCPU);
      entry.offset = file->append(
          {static_cast<const std::byte*>(x.data_ptr()), static_cast<std::size_t>(bytes_of(x))});
    }
    add(name, std::move(entry));
  }

  /// Value in its original type, whatever it is stored in.
  at::Tensor get(const Entry& entry) const {
    const at::Tensor whole = entry.held.defined() ? entry.held.to(entry.original) : mapped(entry);
    return batch_removed && entry.has_batch_axis ? whole.select(0, 0) : whole;
  }

  /// Entry of the file as a tensor. The mapping is released with the tensor's memory.
  at::Tensor mapped(const Entry& entry) const {
    std::size_t bytes = c10::elementSize(entry.stored);
    for (const std::int64_t size : entry.shape) bytes *= static_cast<std::size_t>(size);
    const auto memory = file->map(entry.offset, bytes);
    const at::Tensor values = at::from_blob(
        memory.get(), entry.shape, [memory](void*) {}, at::TensorOptions().dtype(entry.stored));
    return values.to(at::TensorOptions().dtype(entry.original).device(entry.device));
  }

  /// Entry of a hook point; nullptr if the point was not cached.
  const Entry* find(std::string_view name) const {
    const auto exact = entries.find(std::string(name));
    if (exact != entries.end()) return &exact->second;
    // Aliases and short names are looked up in the model, which knows what they mean in its family.
    const auto points = match_hook_points(model->spec(), name);
    if (points.size() != 1)
      throw UsageError("activation cache: '" + std::string(name) + "' matches " +
                       std::to_string(points.size()) + " hook points; name a single one");
    const std::string& found_name = points.front().name;
    const auto found = entries.find(found_name);
    if (found != entries.end()) return &found->second;
    return only_segment(found_name);
  }

  /// Entry of the only segment of a point that a forward calls for each segment; nullptr if the
  /// point was not cached.
  const Entry* only_segment(const std::string& name) const {
    const auto first = entries.find(name + "#0");
    if (first == entries.end()) return nullptr;
    if (!entries.contains(name + "#1")) return &first->second;
    throw UsageError("activation cache: '" + name +
                     "' has one entry for each segment of the vision tower; ask for '" + name +
                     "#0' and so on");
  }

  const Model* model;
  ActivationCacheOptions options;
  bool has_batch_dim = true;   ///< axis of the activations as the methods return them
  bool batch_removed = false;  ///< the entries still have the axis, with one sequence
  std::map<std::string, Entry> entries = {};
  std::vector<std::string> names = {};
  std::int64_t held_bytes = 0;
  std::optional<SpillFile> file = {};
};

ActivationCache::ActivationCache(std::unique_ptr<State> state) : state_(std::move(state)) {}

ActivationCache::ActivationCache(const Model& model, std::map<std::string, at::Tensor> activations,
                                 bool has_batch_dim)
    : state_(std::make_unique<State>(model, ActivationCacheOptions())) {
  state_->has_batch_dim = has_batch_dim;
  // The order of `names` is that of the forward, not of the map that was given.
  for (const HookPoint& point : hook_points(model.spec())) {
    const auto take = [&](const std::string& name) {
      const auto found = activations.find(name);
      if (found == activations.end()) return false;
      state_->hold(found->second, name, has_batch_axis(point));
      activations.erase(found);
      return true;
    };
    take(point.name);
    for (std::int64_t i = 0; take(point.name + "#" + std::to_string(i));) ++i;
  }
  if (!activations.empty())
    throw UsageError("activation cache: '" + activations.begin()->first +
                     "' is not the name of a hook point of this model; use the names of "
                     "hook_points");
}

ActivationCache::~ActivationCache() = default;
ActivationCache::ActivationCache(ActivationCache&&) noexcept = default;
ActivationCache& ActivationCache::operator=(ActivationCache&&) noexcept = default;

at::Tensor ActivationCache::operator[](std::string_view name) const {
  if (const auto* entry = state_->find(name)) return state_->get(*entry);
  throw UsageError("activation cache: '" + std::string(name) +
                   "' was not cached; add it to the names that run_with_cache keeps");
}

bool ActivationCache::contains(std::string_view name) const {
  return state_->find(name) != nullptr;
}

const std::vector<std::string>& ActivationCache::keys() const {
  return state_->names;
}

/// Reads entries of the file too, so that all of them are in memory together while the list exists.
std::vector<std::pair<std::string, at::Tensor>> ActivationCache::items() const {
  std::vector<std::pair<std::string, at::Tensor>> items;
  for (const std::string& name : keys()) items.emplace_back(name, (*this)[name]);
  return items;
}

std::int64_t ActivationCache::held_bytes() const {
  return state_->held_bytes;
}
std::int64_t ActivationCache::spilled_bytes() const {
  return state_->file ? state_->file->size() : 0;
}
bool ActivationCache::has_batch_dim() const {
  return state_->has_batch_dim;
}
const Model& ActivationCache::model() const {
  return *state_->model;
}

ActivationCache& ActivationCache::remove_batch_dim() {
  if (!has_batch_dim()) return *this;
  // Every entry is checked before the first one changes.
  for (const auto& [name, entry] : state_->entries) {
    const std::int64_t rows = entry.held.defined() ? entry.held.size(0) : entry.shape.front();
    if (entry.has_batch_axis && rows != 1)
      throw UsageError("activation cache: the batch has " + std::to_string(rows) +
                       " sequences; the batch axis can only be removed from a batch of one");
  }
  state_->batch_removed = true;
  state_->has_batch_dim = false;
  return *this;
}

CachedForward run_with_cache(const Model& model, const TokenBatch& tokens,
                             const std::vector<std::string>& names, const ForwardOptions& forward,
                             const ActivationCacheOptions& options, const Hooks& hooks) {
  auto state = std::make_unique<ActivationCache::State>(model, options);
  Hooks all = hooks;
  for (const std::string& name : names)
    // With gradients the tensors themselves are kept, since a copy would leave the graph.
    all.read(name, [&](const at::Tensor& activation, const HookPoint& point) {
      if (forward.gradients)
        state->hold(activation, activation_name(point), has_batch_axis(point));
      else
        state->keep(activation, point);
    });
  const ForwardOutput output = model.forward(tokens, forward, all);
  return {output.logits, ActivationCache(std::move(state))};
}

}  // namespace lensbench
