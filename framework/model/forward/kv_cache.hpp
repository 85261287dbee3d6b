#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>
#include <vector>

namespace lensbench {

/// Storage of one cache: for each layer a buffer of keys and one of values with room to grow.
/// A forward writes beyond `length` and moves it only when it ends, so that one that throws leaves
/// the cache as it was.
struct KeyValueCache::State {
  struct Layer {
    at::Tensor keys, values;  ///< [batch, kv_head, capacity, d_head]
  };
  std::vector<Layer> layers;
  std::int64_t length = 0;
  std::vector<std::int64_t> padding;  ///< padded positions at the left of each row
  /// Of the same tokens without the interventions, where one needs what would have been.
  std::shared_ptr<KeyValueCache> unchanged = nullptr;

  /// Writes the new keys and values of a layer [batch, kv_head, pos, d_head] behind what is held.
  /// \return all keys and values so far [batch, kv_head, length + pos, d_head]
  Layer extended(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
};

}  // namespace lensbench
