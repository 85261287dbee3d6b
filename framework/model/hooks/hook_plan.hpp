#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "model/hooks/hook_points.hpp"
#include "model/hooks/sequence_place.hpp"

namespace lensbench {

/// Part of the model that a forward runs.
struct Reach {
  std::int64_t first_layer = 0;
  std::int64_t end_layer = 0;
  bool embedding = true;
  bool prediction_head = true;  ///< final norm and unembedding
  bool pictures = false;        ///< the vision tower
};

/// Hooks resolved against a model before it runs. Each point of each block has a slot with its
/// hooks, so the forward only looks up an index per point. A plan without hooks has no slots at
/// all.
class HookPlan {
 public:
  HookPlan() = default;
  /// \throws UsageError for a glob without a match in the part that this forward runs
  HookPlan(const TransformerSpec& spec, const Hooks& hooks, const Reach& reach);

  bool wants(Point point, std::int64_t layer = -1, std::int64_t expert = -1) const {
    return !slots_.empty() && !slots_[index(point, layer, expert)].entries.empty();
  }

  /// Layer under which the points of a block of the vision tower are found; block -1: those outside
  /// of its blocks.
  std::int64_t tower_layer(std::int64_t block) const { return text_layers_ + 1 + block; }

  /// True if a hook is at any point of a layer.
  bool wants_any(std::int64_t layer) const;
  /// True if a hook is at any point of the vision tower.
  bool wants_tower() const { return tower_; }

  /// Sets the mapping from positions to indices that hooks receive.
  /// \param in_blocks     mapping for points up to the last block
  /// \param after_blocks  mapping for later points, which may have only the last position
  void set_positions(const SequencePlace& in_blocks, const SequencePlace& after_blocks);

  /// Runs the hooks of a point. \return the value to continue with
  /// \param place  mapping that the hooks receive; nullptr: that of `set_positions`
  /// \throws UsageError if a replacement has another shape, element type or device
  at::Tensor apply(Point point, std::int64_t layer, std::int64_t expert, at::Tensor value,
                   const std::shared_ptr<const SequencePlace>& place = nullptr) const;

 private:
  struct Slot {
    HookPoint hook;
    bool after_blocks = false;
    std::vector<const Hooks::Entry*> entries;
  };
  std::size_t index(Point point, std::int64_t layer, std::int64_t expert) const;
  static at::Tensor run(const HookPoint& hook, const std::vector<const Hooks::Entry*>& entries,
                        at::Tensor value);
  std::size_t slots_per_layer_ = 0;
  std::int64_t text_layers_ = 0;
  bool tower_ = false;
  std::vector<Slot> slots_;
};

/// View of the plan for one block, one expert, or the points outside the blocks (layer -1).
class HookSite {
 public:
  HookSite(const HookPlan& plan, std::int64_t layer, std::int64_t expert = -1)
      : plan_(plan), layer_(layer), expert_(expert) {}
  /// \param layer  `HookPlan::tower_layer` \param place  rows of the tower's activations
  HookSite(const HookPlan& plan, std::int64_t layer, std::shared_ptr<const SequencePlace> place)
      : plan_(plan), layer_(layer), expert_(-1), place_(std::move(place)) {}
  bool wants(Point point) const { return plan_.wants(point, layer_, expert_); }
  at::Tensor apply(Point point, at::Tensor value) const {
    return wants(point) ? plan_.apply(point, layer_, expert_, std::move(value), place_) : value;
  }
  /// This site for activations of other rows.
  HookSite with(std::shared_ptr<const SequencePlace> place) const {
    return {plan_, layer_, std::move(place)};
  }

 private:
  const HookPlan& plan_;
  std::int64_t layer_, expert_;
  std::shared_ptr<const SequencePlace> place_;
};

/// True if two activations hold the same numbers, that is, if a hook changed nothing.
bool same_values(const at::Tensor& a, const at::Tensor& b);

}  // namespace lensbench
