#include "checkpoint/tokenizer/models/unigram_model.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/models/byte_token.hpp"
#include "core/text/utf8.hpp"

// Unigram model of SentencePiece as in Hugging Face tokenizers. Scores are compared exactly as
// there, in float64 and in the same order of additions: the last bit of a sum decides between
// splits of equal probability.

namespace lensbench {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the lowest score of a token, as in SentencePiece
// Limit of all tokens together, whose tree takes several times their size.
constexpr std::size_t kMostTokenBytes = 16u << 20;

/// Value of a number in the JSON reader of the reference library (serde): the digits as an integer,
/// multiplied or divided once by a power of ten, which is often off by one bit. Such bits decide
/// between splits whose exact scores are equal.
double as_serde_reads(double exact) {
  char text[32];
  const auto written =
      std::to_chars(text, text + sizeof text, std::fabs(exact), std::chars_format::scientific);
  std::uint64_t digits = 0;
  int exponent = 0;
  const char* at = text;
  for (bool fraction = false; at != written.ptr && *at != 'e'; ++at) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    exponent -= fraction;
  }
  int power = 0;
  if (at != written.ptr) std::from_chars(at[1] == '+' ? at + 2 : at + 1, written.ptr, power);
  exponent += power;
  const double scale = std::pow(10.0, std::abs(exponent));  // powers of ten are exact up to 1e22
  if (std::abs(exponent) > 22) return exact;
  const double whole = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? whole / scale : whole * scale, exact);
}

/// Total length of the tokens, by which the tree is allocated once.
std::size_t bytes_of(const Vocabulary& vocabulary) {
  std::size_t bytes = 0;
  for (std::int64_t id = 0; id < vocabulary.end_id(); ++id) bytes += vocabulary.token_of(id).size();
  return bytes;
}

}  // namespace

/// Best split of the text up to one position: its score and its last token.
struct UnigramModel::Node {
  double score = 0.0;
  std::size_t begin = kUnreached;  // start of the last token
  std::int64_t id = kNoToken;      // id of the last token

  static constexpr std::size_t kUnreached = ~std::size_t{0};
  /// Takes a candidate if it is better; of equal ones the first remains, as in the reference
  /// library.
  void offer(double candidate, std::size_t from, std::int64_t token) {
    if (begin != kUnreached && candidate <= score) return;
    score = candidate;
    begin = from;
    id = token;
  }
};

/// All tokens are put into the tree, so that one pass over the text finds all matches of a
/// position.
UnigramModel::UnigramModel(Vocabulary vocabulary, std::vector<double> scores,
                           std::optional<std::int64_t> unk_id, bool byte_fallback, std::string file)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      unk_id_(unk_id),
      file_(std::move(file)),
      tree_(bytes_of(vocabulary_)) {
  for (std::int64_t id = 0; id < vocabulary_.end_id(); ++id)
    tree_.add(vocabulary_.token_of(id), static_cast<std::uint32_t>(id));
  // Below every token, so that an unknown character is never preferred to a known one.
  if (!scores_.empty()) unknown_score_ = *std::ranges::min_element(scores_) - kUnknownPenalty;
  if (byte_fallback) byte_ids_ = byte_token_ids(vocabulary_);
}

// Viterbi algorithm: from left to right, every token that matches at a position extends the best
// split up to there. A character without a token of its own extends it as unknown, so that every
// position is reachable.
std::vector<UnigramModel::Node> UnigramModel::best_paths(std::string_view word) const {
  std::vector<Node> best(word.size() + 1);
  // `best[at]` is final here, because all tokens that end at `at` begin before it.
  for (std::size_t at = 0; at < word.size();) {
    const double score = best[at].score;
    const std::size_t character = utf8_length(word[at]);
    bool covered = false;  // whether a token is equal to this one character
    tree_.prefixes_of(word.substr(at), [&](std::size_t length, std::uint32_t id) {
      best[at + length].offer(scores_[id] + score, at, id);
      covered = covered || length == character;
    });
    if (!covered)
      best[at + character].offer(unknown_score_ + score, at,
                                 require_unknown(word.substr(at, character)));
    at += character;
  }
  return best;
}

/// Follows the best split from the end to the start, then adds its parts in order.
void UnigramModel::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  const auto best = best_paths(word);
  std::vector<Span> parts;  // in reverse order; adjacent unknown parts are fused
  bool previous_unknown = false;
  for (std::size_t end = word.size(); end > 0;) {
    const Node& node = best[end];
    const bool unknown = unk_id_ && node.id == *unk_id_;
    if (unknown && previous_unknown)
      parts.back().begin = node.begin;
    else
      parts.push_back({node.begin, end});
    previous_unknown = unknown;
    end = node.begin;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) add_part(word, *part, tokens);
}

/// Adds the tokens of a part, looked up by its text: a part fused from unknown characters may be in
/// the vocabulary. Other unknown parts are encoded byte by byte or become the unknown token.
void UnigramModel::add_part(std::string_view word, Span range,
                            std::vector<ModelToken>& tokens) const {
  const std::string_view text = word.substr(range.begin, range.end - range.begin);
  if (const auto id = vocabulary_.id_of(text)) {
    tokens.push_back({*id, range});
    return;
  }
  const auto id_of_byte = [&](char byte) { return (*byte_ids_)[static_cast<unsigned char>(byte)]; };
  // Byte by byte only if every byte has a token, so that the text can be restored.
  const bool spelled = byte_ids_ && std::ranges::all_of(text, [&](char byte) {
                         return id_of_byte(byte) != kNoToken;
                       });
  if (!spelled) {
    tokens.push_back({require_unknown(text), range});
    return;
  }
  for (const char byte : text) tokens.push_back({id_of_byte(byte), range});
}

/// Id of the unknown token. \throws InputError without one, with the text
std::int64_t UnigramModel::require_unknown(std::string_view text) const {
  if (!unk_id_)
    throw InputError(file_ + ": the vocabulary has neither \"" + std::string(text.substr(0, 80)) +
                     "\" of the text nor an unknown token");
  return *unk_id_;
}

std::string UnigramModel::description() const {
  return byte_ids_ ? "Unigram with byte fallback" : "Unigram";
}

/// Reads pairs of a token and its score; the id of a token is its place in the list.
std::unique_ptr<const TokenModel> read_unigram_model(const JsonReader& field) {
  const JsonReader vocab = field.at("vocab");
  const std::size_t count = vocab.size();
  Vocabulary vocabulary(count);
  std::vector<double> scores;
  scores.reserve(count);
  // Set where the reference library gets the scores from Python, which reads numbers exactly.
  const bool exact = field.boolean_or("exact_scores", false);
  std::size_t bytes = 0;
  for (const auto& entry : vocab.value()) {
    const auto fail = [&](const std::string& what) {
      vocab.fail("entry " + std::to_string(scores.size()) + " " + what);
    };
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
      fail("is not [\"token\", score]");
    const auto& token = entry[0].get_ref<const std::string&>();
    bytes += token.size();
    if (vocabulary.add(token, static_cast<std::int64_t>(scores.size())) != Vocabulary::Fault::none)
      fail("(\"" + token + "\") is a second entry for this token");
    const auto score = entry[1].get<double>();
    scores.push_back(exact ? score : as_serde_reads(score));
  }
  if (bytes > kMostTokenBytes)
    vocab.fail("the tokens are too long in total (" + std::to_string(bytes) + " bytes, at most " +
               std::to_string(kMostTokenBytes) + " are allowed)");
  std::optional<std::int64_t> unk_id;
  // The index must exist, since the score of the unknown token is read by it.
  if (const auto unk = field.find("unk_id"))
    unk_id = unk->integer({0, static_cast<std::int64_t>(count) - 1});
  return std::make_unique<UnigramModel>(std::move(vocabulary), std::move(scores), unk_id,
                                        field.boolean_or("byte_fallback", false), field.file());
}

}  // namespace lensbench
