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

/// State of one forward apart from the activations: created once, read by every block.
struct ForwardState {
  const TransformerSpec& spec;
  const ModelWeights& weights;
  const HookPlan& plan;
  bool gradients = false;
  Profile* profile = nullptr;  ///< receives the costs; may be nullptr

  CacheAccess::State* cache = nullptr;
  const CacheAccess::State* prefix = nullptr;  ///< one row, of which the first `past` columns count
  std::int64_t past = 0;                       ///< cached positions before this forward
  std::vector<std::int64_t> padding =
      {};  ///< padded positions at the left of each row, cached ones included

  at::Tensor positions = {};  ///< [batch or 1, pos] int64, real tokens count from 0
  /// Pictures of each row, which shift the rotary positions; empty without pictures.
  std::vector<std::vector<PictureSpan>> pictures = {};
  at::Tensor alibi = {};      ///< [batch or 1, head, all pos] float32; undefined without ALiBi
  RopeTable rope = {};        ///< angles of `positions`; undefined without rotary embedding
  RopeTable local_rope = {};  ///< angles of windowed blocks, where the spec has its own
};

/// Additive attention masks of one forward, by rows, columns, last visible column of the first row,
/// and window. Most blocks need the same masks, so each mask is made only once.
using MaskCache =
    std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>, at::Tensor>;

}  // namespace lensbench
