#include "checkpoint/tokenizer/token_model.hpp"

#include "checkpoint/tokenizer/bpe_model.hpp"

namespace lensbench {

std::unique_ptr<const TokenModel> read_token_model(const JsonField& field) {
  const auto kind = field.find("type");
  // Files older than the field hold BPE where they hold merges.
  const std::string type = kind ? kind->string() : field.find("merges") ? "BPE" : "";
  if (type == "BPE") return read_bpe_model(field);
  const std::string message = "the tokenizer model '" + type + "' is not supported (BPE is)";
  if (kind) kind->fail(message);
  field.fail(message);
}

Vocabulary read_vocabulary(const JsonField& field) {
  if (!field.value().is_object()) field.fail("expected an object of tokens and ids");
  const std::size_t count = field.value().size();
  Vocabulary vocabulary(count);
  for (const auto& [token, id] : field.value().items()) {
    const auto fail = [&](const std::string& what) {
      field.fail("token \"" + token + "\": id " + id.dump() + " " + what);
    };
    if (!id.is_number_integer()) fail("is no integer");
    const bool huge = id.is_number_unsigned() && id.get<std::uint64_t>() > (1ull << 62);
    switch (vocabulary.add(token, huge ? -1 : id.get<std::int64_t>())) {
      case Vocabulary::Fault::none:
        break;
      case Vocabulary::Fault::duplicate_id:
        fail("belongs to another token too");
        break;
      case Vocabulary::Fault::duplicate_token:
        fail("is a second one for this token");
        break;
      case Vocabulary::Fault::id_out_of_range:
        fail("is not in the range 0 to " + std::to_string(Vocabulary::largest_id(count)) +
             " that a vocabulary of " + std::to_string(count) + " tokens may use");
    }
  }
  return vocabulary;
}

}  // namespace lensbench
