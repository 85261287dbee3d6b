#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lensbench {

/// Open-addressing hash table from the ids of two tokens to the rank and the result of their merge.
class PairTable {
 public:
  struct Merge {
    std::uint32_t rank;
    std::uint32_t id;
  };

  void reserve(std::size_t count) {
    if (count * 2 > slots_.size()) resize(std::bit_ceil(std::max<std::size_t>(16, count * 2)));
  }

  /// Sets the merge of a pair; replaces an earlier entry.
  void set(std::uint32_t first, std::uint32_t second, Merge merge) {
    reserve(count_ + 1);
    Slot& slot = slots_[find_slot(key(first, second))];
    if (slot.key == kEmpty) ++count_;
    slot = {key(first, second), merge};
  }

  const Merge* find(std::uint32_t first, std::uint32_t second) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[find_slot(key(first, second))];
    return slot.key == kEmpty ? nullptr : &slot.merge;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~0ull;  // ids of vocabularies are smaller
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge{};
  };

  static std::uint64_t key(std::uint32_t first, std::uint32_t second) {
    return static_cast<std::uint64_t>(first) << 32 | second;
  }

  std::size_t find_slot(std::uint64_t wanted) const {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t mixed = wanted * 0x9E3779B97F4A7C15ull;
    mixed ^= mixed >> 32;
    std::size_t slot = static_cast<std::size_t>(mixed) & mask;
    while (slots_[slot].key != kEmpty && slots_[slot].key != wanted) slot = (slot + 1) & mask;
    return slot;
  }

  void resize(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.key != kEmpty) slots_[find_slot(slot.key)] = slot;
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace lensbench
