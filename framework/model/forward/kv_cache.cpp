#include "model/forward/kv_cache.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace lensbench {
namespace {

constexpr std::int64_t kSmallestCapacity = 64;

/// Makes room for `needed` positions and keeps the first `held`. The capacity doubles, so that
/// generation of n tokens copies each position a constant number of times on average.
void grow(at::Tensor& buffer, const at::Tensor& like, std::int64_t held, std::int64_t needed) {
  if (buffer.defined() && buffer.size(2) >= needed) return;
  const std::int64_t doubled = buffer.defined() ? 2 * buffer.size(2) : kSmallestCapacity;
  std::vector<std::int64_t> shape = like.sizes().vec();
  shape[2] = std::max(needed, doubled);
  at::Tensor larger = at::empty(shape, like.options());
  if (held > 0) larger.narrow(2, 0, held).copy_(buffer.narrow(2, 0, held));
  buffer = larger;
}

}  // namespace

KeyValueCache::KeyValueCache() : state_(std::make_unique<State>()) {}
KeyValueCache::~KeyValueCache() = default;
/// A cache that was moved from is empty.
KeyValueCache::KeyValueCache(KeyValueCache&&) noexcept = default;
KeyValueCache& KeyValueCache::operator=(KeyValueCache&&) noexcept = default;

std::int64_t KeyValueCache::length() const {
  return state_ ? state_->length : 0;
}

KeyValueCache::State::Layer KeyValueCache::State::extended(std::int64_t layer,
                                                           const at::Tensor& keys,
                                                           const at::Tensor& values) {
  Layer& held = layers[static_cast<std::size_t>(layer)];
  const std::int64_t total = length + keys.size(2);
  grow(held.keys, keys, length, total);
  grow(held.values, values, length, total);
  held.keys.narrow(2, length, keys.size(2)).copy_(keys);
  held.values.narrow(2, length, values.size(2)).copy_(values);
  return {held.keys.narrow(2, 0, total), held.values.narrow(2, 0, total)};
}

}  // namespace lensbench
