#include "model/hooks/hook_plan.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>

#include "model/hooks/hook_names.hpp"

namespace lensbench {
namespace {

/// Slots of one layer: every point, then the points of each expert.
constexpr std::size_t kPoints = static_cast<std::size_t>(Point::unembed_out) + 1;
constexpr std::size_t kPointsOfExpert =
    static_cast<std::size_t>(kLastOfExpert) - static_cast<std::size_t>(kFirstOfExpert) + 1;

/// True if the forward runs the part of the model that holds the point.
bool reached(const PlacedPoint& placed, const Reach& reach) {
  if (placed.tower) return reach.pictures;
  if (placed.hook.layer >= 0)
    return placed.hook.layer >= reach.first_layer && placed.hook.layer < reach.end_layer;
  return placed.point < Point::resid_pre ? reach.embedding : reach.prediction_head;
}

std::string unreachable_message(const std::string& glob, bool tower, const Reach& reach) {
  if (tower && reach.embedding)
    return "hook '" + glob +
           "': this forward does not reach it, since its tokens do not have pictures; give a "
           "picture, or hook the text model";
  std::ostringstream message;
  message << "hook '" << glob << "': this forward does not reach it; it runs "
          << (reach.embedding ? "the embedding, " : "") << "blocks " << reach.first_layer
          << " up to, not including, " << reach.end_layer
          << (reach.prediction_head ? ", and the unembedding" : ", without the unembedding");
  return message.str();
}

std::string describe(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << " " << tensor.sizes() << " on " << tensor.device();
  return text.str();
}

/// Points of a vision tower have parts of pictures instead of positions; those of a router and of
/// experts have the tokens of all rows of the batch on one axis.
bool has_positions(const HookPoint& point) {
  return std::any_of(point.dims.begin(), point.dims.end(),
                     [](const std::string& axis) { return axis == "pos" || axis == "query_pos"; });
}

/// Calls a hook and checks that it did not write into its argument: other hook points and the rest
/// of the forward may use the same memory. Operations of libtorch count in the tensor's version;
/// tensors of inference mode do not have one, so there the hook gets a copy.
template <class Call>
at::Tensor guarded_call(const at::Tensor& value, const HookPoint& point, const char* who,
                        const Call& call) {
  if (value.is_inference()) return call(value.clone());
  const auto version = value._version();
  at::Tensor result = call(value);
  if (value._version() == version) return result;
  throw UsageError("hook '" + point.name + "': " + who +
                   " changed the activation in place, which would also change other activations; "
                   "change a copy (clone) and return it from Hooks::replace");
}

}  // namespace

Hooks& Hooks::read(std::string glob, HookReader reader) {
  if (!reader) throw UsageError("hook '" + glob + "': the reader is empty");
  entries_.push_back({std::move(glob), std::move(reader), {}});
  return *this;
}

Hooks& Hooks::replace(std::string glob, HookReplacer replacer) {
  if (!replacer) throw UsageError("hook '" + glob + "': the replacer is empty");
  entries_.push_back({std::move(glob), {}, std::move(replacer)});
  return *this;
}

/// The columns of all rows begin together, so a row has as many positions less as it has padding.
RowPositions row_positions(const HookPoint& point, std::int64_t row) {
  const auto& place = HookAccess::place(point);
  if (!place || !has_positions(point))
    throw UsageError("hook '" + point.name +
                     "': its activation does not have positions of tokens here; ask in a callback, "
                     "for a point with the axis pos or query_pos");
  const auto rows = static_cast<std::int64_t>(place->padding.size());
  if (row < 0 || (rows > 0 && row >= rows))
    throw UsageError("hook '" + point.name + "': row " + std::to_string(row) +
                     " is outside of the batch; give 0 to the number of its rows less 1");
  const std::int64_t padding = rows > 0 ? place->padding[static_cast<std::size_t>(row)] : 0;
  return {place->first_column - padding, place->prompt_columns - padding};
}

/// Slots are ordered by layer, the points outside the blocks (layer -1) first. Within a layer the
/// points of experts follow all others.
std::size_t HookPlan::index(Point point, std::int64_t layer, std::int64_t expert) const {
  const std::size_t first = static_cast<std::size_t>(layer + 1) * slots_per_layer_;
  const auto entry = static_cast<std::size_t>(point);
  if (expert < 0) return first + entry;
  return first + kPoints + static_cast<std::size_t>(expert) * kPointsOfExpert + entry -
         static_cast<std::size_t>(kFirstOfExpert);
}

/// The globs are resolved once before the forward. One that matches nothing, or nothing that this
/// forward runs, is an error, since a hook that never fires looks like a result.
HookPlan::HookPlan(const TransformerSpec& spec, const Hooks& hooks, const Reach& reach) {
  if (hooks.empty()) return;
  slots_per_layer_ = kPoints + static_cast<std::size_t>(spec.mlp.n_experts) * kPointsOfExpert;
  text_layers_ = spec.n_layers;
  // The blocks of a vision tower, and its points outside of them, follow those of the text model.
  const std::int64_t of_tower = spec.vision ? spec.vision->n_layers + 1 : 0;
  slots_.resize(static_cast<std::size_t>(spec.n_layers + 1 + of_tower) * slots_per_layer_);
  const std::vector<PlacedPoint> points = placed_points(spec);
  for (const Hooks::Entry& entry : hooks.entries()) {
    bool fires = false, only_tower = true;
    for (const PlacedPoint& placed : matching_points(spec, points, entry.glob)) {
      only_tower = only_tower && placed.tower;
      if (!reached(placed, reach)) continue;
      fires = true;
      tower_ = tower_ || placed.tower;
      const std::int64_t layer = placed.tower ? tower_layer(placed.hook.layer) : placed.hook.layer;
      Slot& slot = slots_[index(placed.point, layer, placed.expert)];
      slot.hook = placed.hook;
      slot.after_blocks = placed.hook.layer < 0 && placed.point > Point::resid_pre;
      slot.entries.push_back(&entry);
    }
    if (!fires) throw UsageError(unreachable_message(entry.glob, only_tower, reach));
  }
}

void HookPlan::set_positions(const SequencePlace& in_blocks, const SequencePlace& after_blocks) {
  if (slots_.empty()) return;
  const auto stream = std::make_shared<const SequencePlace>(in_blocks);
  const auto after = std::make_shared<const SequencePlace>(after_blocks);
  for (Slot& slot : slots_)
    if (!slot.entries.empty()) HookAccess::set_place(slot.hook, slot.after_blocks ? after : stream);
}

bool HookPlan::wants_any(std::int64_t layer) const {
  if (slots_.empty()) return false;
  const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(index(Point{}, layer, -1));
  return std::any_of(first, first + static_cast<std::ptrdiff_t>(slots_per_layer_),
                     [](const Slot& slot) { return !slot.entries.empty(); });
}

at::Tensor HookPlan::apply(Point point, std::int64_t layer, std::int64_t expert, at::Tensor value,
                           const std::shared_ptr<const SequencePlace>& place) const {
  // Hooks run in the order in which they were added; each sees what the one before it returned.
  const Slot& own = slots_[index(point, layer, expert)];
  if (!place) return run(own.hook, own.entries, std::move(value));
  HookPoint hook = own.hook;
  HookAccess::set_place(hook, place);
  return run(hook, own.entries, std::move(value));
}

at::Tensor HookPlan::run(const HookPoint& hook, const std::vector<const Hooks::Entry*>& entries,
                         at::Tensor value) {
  for (const Hooks::Entry* entry : entries) {
    if (entry->reader) {
      guarded_call(value, hook, "a reader", [&](const at::Tensor& x) {
        entry->reader(x, hook);
        return at::Tensor();
      });
      continue;
    }
    at::Tensor replacement = guarded_call(
        value, hook, "a replacer", [&](const at::Tensor& x) { return entry->replacer(x, hook); });
    if (!replacement.defined()) continue;
    if (replacement.sizes() != value.sizes() || replacement.scalar_type() != value.scalar_type() ||
        replacement.device() != value.device())
      throw UsageError("hook '" + hook.name + "': the replacement is " + describe(replacement) +
                       ", the activation " + describe(value));
    value = std::move(replacement);
  }
  return value;
}

bool same_values(const at::Tensor& a, const at::Tensor& b) {
  // at::equal compares NaN as different, so an activation with NaN counts as changed.
  return a.is_same(b) || at::equal(a, b);
}

}  // namespace lensbench
