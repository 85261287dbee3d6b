#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/profile.hpp>
#include <map>
#include <tuple>
#include <vector>

#include "model/forward/kv_cache.hpp"
#include "model/forward/rope.hpp"
#include "model/hooks/hook_plan.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// What one forward knows beside the activations; built once, read by every block.
struct Run {
  const TransformerSpec& spec;
  const ModelWeights& weights;
  const HookPlan& plan;
  bool gradients = false;
  Profile* profile = nullptr;  ///< what it costs, where that is asked for

  KeyValueCache::State* cache = nullptr;
  const KeyValueCache::State* prefix = nullptr;  ///< of one row, its first `past` columns
  std::int64_t past = 0;                         ///< positions in the cache before this forward
  std::vector<std::int64_t> padding =
      {};  ///< padded positions at the left of each row, cached included

  at::Tensor positions = {};  ///< [batch or 1, pos] int64, real tokens count from 0
  at::Tensor alibi = {};      ///< [batch or 1, head, all pos] float32; undefined without ALiBi
  RopeTable rope = {};        ///< of `positions`; undefined without rotary embedding
  RopeTable local_rope = {};  ///< for windowed layers, where the spec has one of its own

  /// Additive masks made so far: rows, columns, first row's last visible column, window.
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>, at::Tensor> masks =
      {};
};

}  // namespace lensbench
