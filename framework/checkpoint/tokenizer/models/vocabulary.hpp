#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Tokens by id and ids by token. Ids may have holes, but not so many that a table of them would be
/// out of proportion.
class Vocabulary {
 public:
  /// \param expected  tokens to come, to size the table once
  explicit Vocabulary(std::size_t expected = 0);

  /// Why an entry was not taken.
  enum class Fault { none, duplicate_token, duplicate_id, id_out_of_range };
  Fault add(std::string token, std::int64_t id);
  /// The largest id accepted for a vocabulary of about `count` tokens.
  static std::int64_t largest_id(std::size_t count);

  std::optional<std::int64_t> id_of(std::string_view token) const;
  bool has(std::int64_t id) const;
  /// Empty for an unknown id.
  std::string_view token_of(std::int64_t id) const;
  std::size_t count() const { return count_; }
  /// One more than the largest id.
  std::int64_t end_id() const { return static_cast<std::int64_t>(tokens_.size()); }

 private:
  std::size_t slot_of(std::string_view token) const;
  void grow();

  std::vector<std::string> tokens_;   // by id
  std::vector<bool> present_;         // by id
  std::vector<std::uint32_t> slots_;  // open addressing: id + 1, or 0; a power of two
  std::size_t count_ = 0;
  std::int64_t largest_id_;
};

}  // namespace lensbench
