#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Map from ids to tokens and from tokens to ids. Ids need not be consecutive, but are limited, so
/// that the table by id remains in proportion to the number of tokens.
class Vocabulary {
 public:
  /// \param expected  expected number of tokens, to allocate the table once
  explicit Vocabulary(std::size_t expected = 0);

  /// Reason why an entry was refused.
  enum class Fault { none, duplicate_token, duplicate_id, id_out_of_range };
  Fault add(std::string token, std::int64_t id);
  /// Largest id that a vocabulary of about `count` tokens accepts.
  static std::int64_t largest_id(std::size_t count);

  std::optional<std::int64_t> id_of(std::string_view token) const;
  bool has(std::int64_t id) const;
  /// Token of an id; empty for an unknown id.
  std::string_view token_of(std::int64_t id) const;
  std::size_t count() const { return count_; }
  /// Largest id plus one.
  std::int64_t end_id() const { return static_cast<std::int64_t>(tokens_.size()); }

 private:
  std::size_t slot_of(std::string_view token) const;
  void grow();

  std::vector<std::string> tokens_;   // tokens by id
  std::vector<bool> present_;         // by id, whether a token has it
  std::vector<std::uint32_t> slots_;  // open addressing: id + 1, or 0; the size is a power of two
  std::size_t count_ = 0;
  std::int64_t largest_id_;
};

}  // namespace lensbench
