#include "checkpoint/tokenizer/models/token_model.hpp"

#include "checkpoint/tokenizer/models/bpe_model.hpp"
#include "checkpoint/tokenizer/models/unigram_model.hpp"
#include "checkpoint/tokenizer/models/wordpiece_model.hpp"

// Model of a tokenizer by its type, and the vocabulary that the types have in common.

namespace lensbench {

namespace {

/// Model type of a file that predates the field `type`, recognised by its other fields.
std::string older_type(const JsonReader& field) {
  if (field.find("merges")) return "BPE";
  const auto vocab = field.find("vocab");
  if (vocab && vocab->value().is_array()) return "Unigram";
  return field.find("max_input_chars_per_word") ? "WordPiece" : "";
}

}  // namespace

std::unique_ptr<const TokenModel> read_token_model(const JsonReader& field) {
  const auto kind = field.find("type");
  const std::string type = kind ? kind->string() : older_type(field);
  if (type == "BPE") return read_bpe_model(field);
  if (type == "WordPiece") return read_wordpiece_model(field);
  if (type == "Unigram") return read_unigram_model(field);
  (kind ? *kind : field)
      .fail("the tokenizer model '" + type + "' is not supported (BPE, WordPiece and Unigram are)");
}

/// Tokens by id. Ids are limited in proportion to the number of tokens: a single large id would
/// otherwise allocate a table of its size.
Vocabulary read_vocabulary(const JsonReader& field) {
  if (!field.value().is_object()) field.fail("expected an object of tokens and ids");
  const std::size_t count = field.value().size();
  Vocabulary vocabulary(count);
  for (const auto& entry : field.value().items()) {
    const std::string& token = entry.key();
    const nlohmann::json& id = entry.value();
    const auto fail = [&](const std::string& what) {
      field.fail("token \"" + token + "\": id " + id.dump() + " " + what);
    };
    if (!id.is_number_integer()) fail("is not an integer");
    // Numbers above the range of int64 would become negative.
    const bool huge = id.is_number_unsigned() && id.get<std::uint64_t>() > (1ull << 62);
    switch (vocabulary.add(token, huge ? -1 : id.get<std::int64_t>())) {
      case Vocabulary::Fault::none:
        break;
      case Vocabulary::Fault::duplicate_id:
        fail("is also the id of another token");
        break;
      case Vocabulary::Fault::duplicate_token:
        fail("is a second id for this token");
        break;
      case Vocabulary::Fault::id_out_of_range:
        fail("is not in the range 0 to " + std::to_string(Vocabulary::largest_id(count)) +
             " that a vocabulary of " + std::to_string(count) + " tokens may use");
    }
  }
  return vocabulary;
}

}  // namespace lensbench
