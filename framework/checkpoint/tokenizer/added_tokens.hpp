#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/tokenizer/models/vocabulary.hpp"
#include "checkpoint/tokenizer/normalizers/normalizer.hpp"
#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// A token that is looked for in the text before the model sees it.
struct AddedToken {
  std::string content;
  std::string form;  ///< what it decodes from: its normalized form if it is looked for so
  std::int64_t id = kNoToken;
  bool single_word = false;  ///< not where a word character touches it
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = false;   ///< looked for in its normalized form, in the normalized text
  bool special = false;
};

/// Finds strings in a text: at each place the longest, from left to right.
class StringSet {
 public:
  StringSet();
  void add(std::string_view text, std::size_t index);
  bool empty() const { return nodes_.size() == 1; }
  /// The longest string at `text[at]`: its index and length; length 0 if there is none.
  std::pair<std::size_t, std::size_t> longest_at(std::string_view text, std::size_t at) const;
  bool may_start_with(char byte) const { return first_[static_cast<unsigned char>(byte)]; }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Node {
    std::map<char, std::size_t> children;
    std::size_t index = kNone;
  };
  std::vector<Node> nodes_;
  std::array<bool, 256> first_{};
};

class AddedTokens {
 public:
  /// \param model  the model's vocabulary; \param normalizer  may be null
  /// \throws InputError naming `where` for ids that clash or that the vocabulary contradicts
  AddedTokens(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer,
              const JsonReader& where);

  /// Splits off the tokens that are looked for in the text as it is, or in the normalized text.
  void split_raw(Pieces& pieces) const { split(pieces, raw_); }
  void split_normalized(Pieces& pieces) const { split(pieces, normalized_); }

  /// Null if `id` is no added token.
  const AddedToken* find(std::int64_t id) const;
  const AddedToken* find(std::string_view content) const;
  /// One more than the largest id; 0 if there are none.
  std::int64_t end_id() const { return by_id_.empty() ? 0 : by_id_.rbegin()->first + 1; }
  /// Tokens that the model's vocabulary lacks.
  std::size_t count_beyond(const Vocabulary& model) const;

 private:
  void check(const AddedToken& token, const Vocabulary& model, const JsonReader& where) const;
  void split(Pieces& pieces, const StringSet& set) const;

  std::vector<AddedToken> tokens_;
  std::map<std::int64_t, std::size_t> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_content_;
  StringSet raw_, normalized_;
};

/// The `added_tokens` of a tokenizer.json.
std::vector<AddedToken> read_added_tokens(const JsonReader& field);
/// One entry, without its id.
AddedToken read_added_token(const JsonReader& field);

}  // namespace lensbench
