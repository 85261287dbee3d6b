#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>
#include <vector>

namespace lensbench {

/// Columns of a picture in a sequence, and what its tokens do to the rotary positions after it.
struct PictureSpan {
  std::int64_t begin = 0, end = 0;  ///< columns of its tokens
  std::int64_t shift = 0;           ///< rotary position minus index of the tokens after it
};

/// Storage of one cache: for each block a buffer of keys and one of values, with spare capacity.
/// A forward writes after the first `length` positions and updates `length` only at its end, so a
/// forward that throws leaves the cache unchanged.
struct KeyValueCache::State {
  struct Layer {
    /// [batch, kv_head, capacity, d_head]; of latent attention (LatentAttention) the vectors
    /// [batch, 1, capacity, key_value_rank] and the rotated parts of keys [batch, 1, capacity,
    /// d_rotary].
    at::Tensor keys, values;
  };
  std::vector<Layer> layers;
  std::int64_t length = 0;
  std::vector<std::int64_t> padding;  ///< padded positions at the left of each row
  /// Pictures of each row, after which rotary positions differ from the number of tokens before;
  /// empty: no row has any.
  std::vector<std::vector<PictureSpan>> pictures;
  /// Cache of the same tokens without interventions, for actions that need those activations.
  std::shared_ptr<KeyValueCache> unchanged = nullptr;

  /// Appends the new keys and values of a block [batch, kv_head, pos, d_head].
  /// \return all keys and values so far [batch, kv_head, length + pos, d_head]
  // Hidden, since the class that this one is in is exported with all its members.
  [[gnu::visibility("hidden")]] Layer extended(std::int64_t layer, const at::Tensor& keys,
                                               const at::Tensor& values);
};

/// The contents of a cache, which only a forward reads and changes.
struct CacheAccess {
  using State = KeyValueCache::State;
  static State& state(KeyValueCache& cache) { return *cache.state_; }
  static const State& state(const KeyValueCache& cache) { return *cache.state_; }
};

}  // namespace lensbench
