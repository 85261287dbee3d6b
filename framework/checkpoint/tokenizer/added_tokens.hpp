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

/// A token that is searched in the text before the tokenizer's model is applied.
struct AddedToken {
  std::string content;
  std::string form;  ///< text that is searched: the normalized content if `normalized`
  std::int64_t id = kNoToken;
  bool single_word = false;  ///< found only without an adjacent word character
  bool lstrip = false;       ///< includes the white space before it
  bool rstrip = false;       ///< includes the white space after it
  bool normalized = false;   ///< searched in normalized form in the normalized text
  bool special = false;
};

/// Set of strings with a search, from left to right, for the longest string at each position.
class StringSet {
 public:
  StringSet();
  void add(std::string_view text, std::size_t index);
  bool empty() const { return nodes_.size() == 1; }
  /// Index and length of the longest string at `text[at]`; length 0 if none matches.
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

class AddedVocabulary;

class AddedTokens {
 public:
  /// \param normalizer  may be null
  /// \param split_special  whether special tokens in a text are split as any other text
  /// \throws InputError for a token whose normalized form is empty
  AddedTokens(const AddedVocabulary& vocabulary, const Normalizer* normalizer, bool split_special);

  /// Splits off the tokens that are searched in the original text (`raw`) or the normalized text.
  void split_raw(Pieces& pieces) const { split(pieces, raw_); }
  void split_normalized(Pieces& pieces) const { split(pieces, normalized_); }

  /// The added token of an id or content; null if it is not an added token.
  const AddedToken* find(std::int64_t id) const;
  const AddedToken* find(std::string_view content) const;
  /// Largest id plus one; 0 without added tokens.
  std::int64_t end_id() const { return by_id_.empty() ? 0 : by_id_.rbegin()->first + 1; }
  /// Number of added tokens that are not in the model's vocabulary.
  std::size_t count_beyond(const Vocabulary& model) const;

 private:
  void split(Pieces& pieces, const StringSet& set) const;

  std::vector<AddedToken> tokens_;
  std::map<std::int64_t, std::size_t> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_content_;
  StringSet raw_, normalized_;
  bool split_special_;
};

/// Reads `added_tokens` of a tokenizer.json.
std::vector<AddedToken> read_added_tokens(const JsonReader& field);
/// Reads one entry of `added_tokens` without its id.
AddedToken read_added_token(const JsonReader& field);

}  // namespace lensbench
