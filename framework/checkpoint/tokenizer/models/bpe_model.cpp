#include "checkpoint/tokenizer/models/bpe_model.hpp"

#include <lensbench/error.hpp>
#include <queue>

#include "checkpoint/tokenizer/models/byte_token.hpp"
#include "core/text/utf8.hpp"

// Byte-pair encoding as in Hugging Face tokenizers. Symbols of a word are a linked list in an
// array: a merge changes two entries, and positions remain valid.

namespace lensbench {
namespace {

constexpr std::size_t kLongestWord = 1u << 30;  // the links between symbols are 32-bit indices

}  // namespace

/// Symbols of a word, built character by character. Unknown characters are kept back until the next
/// known one, because consecutive unknown characters may be fused into one symbol.
class BpeModel::Word {
 public:
  explicit Word(std::size_t size) { symbols_.reserve(size); }

  /// Appends a symbol and links it to its neighbours; the link after the last one is removed by
  /// `take`.
  void add(std::int64_t id, std::size_t length) {
    const auto index = static_cast<std::int32_t>(symbols_.size());
    symbols_.push_back(
        {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(length), index - 1, index + 1});
  }
  /// Unknown characters are one symbol if `fuse`, else one symbol each.
  void add_unknown(std::int64_t id, std::size_t length, bool fuse) {
    if (!fuse) flush_unknown();
    unknown_id_ = id;
    unknown_length_ += length;
  }
  void flush_unknown() {
    if (unknown_length_ > 0) add(unknown_id_, unknown_length_);
    unknown_length_ = 0;
  }
  /// The finished symbols; the object must not be used afterwards.
  std::vector<Symbol> take() {
    flush_unknown();
    if (!symbols_.empty()) symbols_.back().next = -1;
    return std::move(symbols_);
  }

 private:
  std::vector<Symbol> symbols_;
  std::int64_t unknown_id_ = kNoToken;
  std::size_t unknown_length_ = 0;
};

BpeModel::BpeModel(Vocabulary vocabulary, BpeOptions options, const JsonReader& where)
    : name_(where.file()), vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
  byte_ids_.fill(kNoToken);
  if (options_.byte_fallback) byte_ids_ = byte_token_ids(vocabulary_);
  if (options_.unk_token.empty()) return;
  const auto unk = vocabulary_.id_of(options_.unk_token);
  if (!unk) where.fail("the unknown token \"" + options_.unk_token + "\" is not in the vocabulary");
  unk_id_ = *unk;
}

/// Ranks are given in order of the calls. All three tokens must exist, since a merge into a missing
/// token would be found only when a text needs it.
void BpeModel::add_merge(std::string_view first, std::string_view second, const JsonReader& where) {
  const auto find = [&](std::string_view token) {
    const auto id = vocabulary_.id_of(token);
    if (!id)
      where.fail("merge " + std::to_string(next_rank_) + " (\"" + std::string(first) + "\" \"" +
                 std::string(second) + "\"): the token \"" + std::string(token) +
                 "\" is missing in the vocabulary");
    return static_cast<std::uint32_t>(*id);
  };
  const std::string& prefix = options_.continuing_subword_prefix;
  const std::uint32_t first_id = find(first), second_id = find(second);
  if (!second.starts_with(prefix))
    where.fail("merge " + std::to_string(next_rank_) + " (\"" + std::string(first) + "\" \"" +
               std::string(second) + "\"): the second token lacks the prefix \"" + prefix + "\"");
  // The prefix marks the second token as a continuation and is not part of the joined one.
  std::string joined(first);
  joined += second.substr(prefix.size());
  merges_.set(first_id, second_id, {next_rank_++, find(joined)});
}

void BpeModel::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  if (word.size() > kLongestWord)
    throw InputError(name_ + ": a word of the text is too long (" + std::to_string(word.size()) +
                     " bytes, at most " + std::to_string(kLongestWord) + " are supported)");
  // Words of the vocabulary that no sequence of merges would give.
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.id_of(word)) {
      tokens.push_back({*id, {0, word.size()}});
      return;
    }
  }
  auto symbols = characters_of(word);
  if (symbols.size() > 1) merge_all(symbols);
  std::size_t at = 0;
  for (const Symbol& symbol : symbols) {
    // A length of 0 marks a symbol that was merged into the previous one.
    if (symbol.length == 0) continue;
    tokens.push_back({symbol.id, {at, at + symbol.length}});
    at += symbol.length;
  }
}

/// Symbols of single characters, with which merging begins.
std::vector<BpeModel::Symbol> BpeModel::characters_of(std::string_view text) const {
  Word word(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text[at]);
    const std::string_view character = text.substr(at, length);
    const auto id = find_character(character, at == 0, at + length == text.size());
    if (id != kNoToken) {
      word.flush_unknown();
      word.add(id, length);
      // A character without a token is written byte by byte, or becomes the unknown token.
    } else if (!options_.byte_fallback || !add_bytes(character, word)) {
      if (unk_id_ == kNoToken)
        throw InputError(name_ + ": the vocabulary has neither the character \"" +
                         std::string(character) + "\" of the text nor an unknown token");
      word.add_unknown(unk_id_, length, options_.fuse_unk);
    }
    at += length;
  }
  return word.take();
}

/// Token of a character, with the prefix of a continuation or the suffix of a word's end if the
/// vocabulary marks them; kNoToken if it is missing.
std::int64_t BpeModel::find_character(std::string_view character, bool first, bool last) const {
  const bool prefixed = !first && !options_.continuing_subword_prefix.empty();
  const bool suffixed = last && !options_.end_of_word_suffix.empty();
  if (!prefixed && !suffixed) return vocabulary_.id_of(character).value_or(kNoToken);
  std::string form;
  if (prefixed) form = options_.continuing_subword_prefix;
  form += character;
  if (suffixed) form += options_.end_of_word_suffix;
  return vocabulary_.id_of(form).value_or(kNoToken);
}

/// All bytes or none: a character must not be written in part.
/// \return false if a byte lacks a token
bool BpeModel::add_bytes(std::string_view character, Word& word) const {
  for (const char byte : character)
    if (byte_ids_[static_cast<unsigned char>(byte)] == kNoToken) return false;
  for (const char byte : character) word.add(byte_ids_[static_cast<unsigned char>(byte)], 1);
  return true;
}

// Merges are applied in order of rank, and from left to right within one rank, which is the order
// in which training learned them. A heap of candidate pairs makes that O(n log n). Candidates whose
// symbols were merged in the meantime are not removed from the heap but skipped when they come up.
void BpeModel::merge_all(std::vector<Symbol>& symbols) const {
  struct Candidate {
    std::uint32_t rank;
    std::int32_t position;
    std::uint32_t id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  std::vector<Candidate> heap;
  // Merge of a symbol with the next one; null for the last symbol and for a pair without a merge.
  const auto candidate_at = [&](std::int32_t position) -> const PairTable::Merge* {
    const std::int32_t next = symbols[position].next;
    return next < 0 ? nullptr : merges_.find(symbols[position].id, symbols[next].id);
  };
  const auto last = static_cast<std::int32_t>(symbols.size()) - 1;
  for (std::int32_t i = 0; i < last; ++i)
    if (const auto* merge = candidate_at(i)) heap.push_back({merge->rank, i, merge->id});
  std::priority_queue queue(std::greater<Candidate>{}, std::move(heap));
  const auto offer = [&](std::int32_t position) {
    if (const auto* merge = candidate_at(position)) queue.push({merge->rank, position, merge->id});
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    const auto* merge = left.length == 0 ? nullptr : candidate_at(top.position);
    if (merge == nullptr || merge->id != top.id) continue;  // the candidate is outdated
    Symbol& right = symbols[left.next];
    left.id = top.id;
    left.length += right.length;
    right.length = 0;
    left.next = right.next;
    // The merged pair has new neighbours, which may be candidates now.
    if (left.next >= 0) symbols[left.next].previous = top.position;
    if (left.previous >= 0) offer(left.previous);
    offer(top.position);
  }
}

std::string BpeModel::description() const {
  return options_.byte_fallback ? "BPE with byte fallback" : "BPE";
}

/// Exactly one space separates the tokens, because tokens of this form do not contain spaces.
void add_merge_line(BpeModel& model, std::string_view line, const JsonReader& where) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
    where.fail("the merge \"" + std::string(line) + "\" is not two tokens separated by a space");
  model.add_merge(line.substr(0, space), line.substr(space + 1), where);
}

/// Reads the settings before the merges, since the prefix is needed to join them.
std::unique_ptr<const TokenModel> read_bpe_model(const JsonReader& field) {
  const auto string_or_empty = [&](const char* key) {
    const auto value = field.find(key);
    return value ? value->string() : std::string();
  };
  // Tokens that differ from call to call would make results that cannot be repeated.
  if (const auto dropout = field.find("dropout"); dropout && dropout->value() != 0.0)
    dropout->fail("dropout makes the tokens random, which is not supported; set it to null");
  BpeOptions options;
  options.unk_token = string_or_empty("unk_token");
  options.continuing_subword_prefix = string_or_empty("continuing_subword_prefix");
  options.end_of_word_suffix = string_or_empty("end_of_word_suffix");
  options.fuse_unk = field.boolean_or("fuse_unk", false);
  options.byte_fallback = field.boolean_or("byte_fallback", false);
  options.ignore_merges = field.boolean_or("ignore_merges", false);
  const JsonReader vocab = field.at("vocab");
  auto model = std::make_unique<BpeModel>(read_vocabulary(vocab), std::move(options), vocab);
  const JsonReader merges = field.at("merges");
  model->reserve_merges(merges.size());
  // Newer files have merges as pairs, because a token may contain a space.
  for (const auto& merge : merges.value()) {
    if (merge.is_string()) {
      add_merge_line(*model, merge.get_ref<const std::string&>(), merges);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      model->add_merge(merge[0].get_ref<const std::string&>(),
                       merge[1].get_ref<const std::string&>(), merges);
    } else {
      merges.fail("a merge is neither \"a b\" nor [\"a\", \"b\"]: " + merge.dump().substr(0, 80));
    }
  }
  return model;
}

}  // namespace lensbench
