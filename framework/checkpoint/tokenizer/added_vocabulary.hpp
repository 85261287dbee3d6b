#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/added_tokens.hpp"
#include "checkpoint/tokenizer/models/vocabulary.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// Numbers and updates added tokens as the `tokenizers` library does: a token of the model's
/// vocabulary keeps its id, any other gets the next free one; a token that is added again with
/// other properties changes its properties, but remains special if it was.
class AddedVocabulary {
 public:
  /// \param model  vocabulary of the model, which must outlive this object
  /// \param where  named in messages
  AddedVocabulary(const Vocabulary& model, JsonReader where)
      : model_(model), where_(std::move(where)) {}

  /// Adds tokens in one step; their ids are not read. \throws InputError for a token that is too
  /// long or gets the id of another token of the vocabulary
  void add(const std::vector<AddedToken>& tokens);
  /// Adds tokens of a tokenizer.json. \throws InputError also for an id in the file that differs
  /// from the one that the token gets
  void add_stored(const std::vector<AddedToken>& tokens);

  /// Id of an added token, else of a token of the model.
  std::optional<std::int64_t> id_of(std::string_view content) const;
  bool contains(std::string_view content) const { return ids_.contains(content); }

  /// All added tokens, in the order of their ids.
  std::vector<AddedToken> tokens() const;
  const JsonReader& where() const { return where_; }

 private:
  void put(const AddedToken& token);
  std::int64_t next_id() const;

  const Vocabulary& model_;
  JsonReader where_;
  std::map<std::string, std::int64_t, std::less<>> ids_;
  std::map<std::int64_t, AddedToken> by_id_;
  std::set<std::string, std::less<>> specials_;
};

}  // namespace lensbench
