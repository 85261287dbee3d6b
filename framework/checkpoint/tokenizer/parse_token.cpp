#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>

// Token that a user names in an option: by id, by its form in the vocabulary, or by its text.

namespace lensbench {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Refuses ids that the model does not have, although its tokenizer may know them.
std::int64_t in_range(std::string_view text, std::int64_t id, std::int64_t vocab_size) {
  if (id >= 0 && id < vocab_size) return id;
  throw UsageError("token '" + std::string(text) + "' is out of range: the model has ids 0 to " +
                   std::to_string(vocab_size - 1));
}

/// Id of a token whose bytes are exactly `text`, even if `text` is tokenized differently; -1
/// without one.
std::int64_t find_spelling(const Tokenizer& tokenizer, std::string_view text) {
  // A search through all tokens, which happens only before an error.
  for (std::int64_t id = 0; id < tokenizer.size(); ++id)
    if (tokenizer.token_bytes(id) == text) return id;
  return -1;
}

std::string list_of(const Tokenizer& tokenizer, const std::vector<std::int64_t>& ids) {
  constexpr std::size_t kShown = 12;
  std::string list;
  for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i)
    list +=
        (i > 0 ? ", '" : "'") + tokenizer.token_text(ids[i]) + "' (" + std::to_string(ids[i]) + ")";
  return ids.size() > kShown ? list + ", …" : list;
}

}  // namespace

/// Digits alone are an id, so a token whose text is a number has to be named by its id.
std::int64_t parse_token(const Tokenizer* tokenizer, std::string_view text,
                         std::int64_t vocab_size) {
  if (is_number(text)) {
    std::int64_t id = -1;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
    return in_range(text, parsed.ec == std::errc() ? id : -1, vocab_size);
  }
  if (text.empty()) throw UsageError("token: the text is empty; give a token id or a text");
  if (tokenizer == nullptr)
    throw UsageError("token '" + std::string(text) +
                     "': the model does not have a tokenizer; give a token id");
  // First the form in the vocabulary (`Ġthe`), then the text as it would be tokenized, then any
  // token of these bytes.
  if (const auto id = tokenizer->id_of(text)) return in_range(text, *id, vocab_size);
  const auto ids = tokenizer->encode(text, false).ids;
  if (ids.size() == 1) return in_range(text, ids.front(), vocab_size);
  const std::int64_t spelled = find_spelling(*tokenizer, text);
  if (spelled >= 0) return in_range(text, spelled, vocab_size);
  throw UsageError("token '" + std::string(text) +
                   "': the text is not a single token; it splits into " + list_of(*tokenizer, ids));
}

}  // namespace lensbench
