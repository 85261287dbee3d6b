#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <utility>
#include <vector>

#include "model/hooks/hook_points.hpp"

namespace lensbench {

/// Which part of the model a forward runs.
struct Reach {
  std::int64_t first_layer = 0;
  std::int64_t end_layer = 0;
  bool embedding = true;
  bool head = true;  ///< final norm and unembed
};

/// Hooks resolved against a model before it runs: for each point of each layer, which hooks.
class HookPlan {
 public:
  HookPlan() = default;
  /// \throws UsageError for a glob that matches nothing or only what this forward does not run
  HookPlan(const TransformerSpec& spec, const Hooks& hooks, const Reach& reach);

  bool wants(Point point, std::int64_t layer = -1, std::int64_t expert = -1) const {
    return !slots_.empty() && !slots_[index(point, layer, expert)].entries.empty();
  }

  /// Tells hooks where the positions of this forward stand.
  /// \param head  for the points after the blocks, which may have the last position only
  void set_place(const SequencePlace& stream, const SequencePlace& head);

  /// Runs the hooks of a point. \return what the forward goes on with
  /// \throws UsageError if a replacement has another shape, element type or device
  at::Tensor apply(Point point, std::int64_t layer, std::int64_t expert, at::Tensor value) const;

 private:
  struct Slot {
    HookPoint hook;
    bool after_blocks = false;
    std::vector<const Hooks::Entry*> entries;
  };
  std::size_t index(Point point, std::int64_t layer, std::int64_t expert) const;
  std::size_t slots_per_layer_ = 0;
  std::vector<Slot> slots_;
};

/// One layer's (or the head's, or one expert's) view of the plan, handed to the parts of the
/// forward.
class HookSite {
 public:
  HookSite(const HookPlan& plan, std::int64_t layer, std::int64_t expert = -1)
      : plan_(plan), layer_(layer), expert_(expert) {}
  bool wants(Point point) const { return plan_.wants(point, layer_, expert_); }
  at::Tensor apply(Point point, at::Tensor value) const {
    return wants(point) ? plan_.apply(point, layer_, expert_, std::move(value)) : value;
  }

 private:
  const HookPlan& plan_;
  std::int64_t layer_, expert_;
};

/// Whether two activations hold the same numbers, so that a hook left the forward as it was.
bool same_values(const at::Tensor& a, const at::Tensor& b);

}  // namespace lensbench
