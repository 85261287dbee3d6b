#pragma once

#include <cstdint>
#include <string_view>

#include "checkpoint/tokenizer/models/pair_table.hpp"

namespace lensbench {

/// Trie that finds all strings of a set at the start of a text. Its edges (node, byte) -> node are
/// in one hash table, so that adding hundreds of thousands of strings takes milliseconds.
class PrefixTree {
 public:
  /// \param bytes  total length of all strings, to allocate the table once
  explicit PrefixTree(std::size_t bytes) { steps_.reserve(bytes / 2); }

  void add(std::string_view text, std::uint32_t value) {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const PairTable::Merge* known = steps_.find(node, byte);
      PairTable::Merge step = known ? *known : PairTable::Merge{kNone, ++nodes_};
      if (i + 1 == text.size()) step.rank = value;
      if (!known || i + 1 == text.size()) steps_.set(node, byte, step);
      node = step.id;
    }
  }

  /// Calls `visit(length, value)` for each string at the start of `text`, shortest first.
  template <class Visit>
  void prefixes_of(std::string_view text, Visit visit) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto* step = steps_.find(node, static_cast<unsigned char>(text[i]));
      if (step == nullptr) return;
      if (step->rank != kNone) visit(i + 1, step->rank);
      node = step->id;
    }
  }

 private:
  static constexpr std::uint32_t kNone = ~0u;
  PairTable steps_;  // the rank of an edge is the value of the string that ends with it
  std::uint32_t nodes_ = 0;
};

}  // namespace lensbench
