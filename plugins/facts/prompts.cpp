#include "prompts.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

namespace lensbench::facts {
namespace {

constexpr const char* kSlot = "{}";

bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Byte of the only `{}`.
std::size_t slot_of(const std::string& pattern, const NamedFact& named) {
  const std::size_t at = pattern.find(kSlot);
  if (at == std::string::npos)
    named.refuse(named.template_field() + pattern +
                 "' has no {}; put {} in the place of the subject");
  if (pattern.find(kSlot, at + 1) != std::string::npos)
    named.refuse(named.template_field() + pattern +
                 "' has {} more than once, so the subject's place is not clear; leave one {}");
  return at;
}

/// Number of special tokens that the tokenizer adds at the end, such as an EOS.
std::size_t special_end(const Encoding& encoding) {
  std::size_t count = 0;
  while (count < encoding.special.size() && encoding.special[encoding.special.size() - 1 - count])
    ++count;
  return count;
}

/// Tokens of a text without the special ones that the tokenizer adds at the end: what follows
/// would not continue the text.
Tokens open_tokens(const Model& model, const std::string& text, const Encoding& encoding) {
  Tokens tokens = to_tokens(model, text);
  const std::size_t end = std::min(special_end(encoding), tokens.ids.size());
  tokens.ids.resize(tokens.ids.size() - end);
  tokens.texts.resize(tokens.ids.size());
  return tokens;
}

/// Positions of the tokens that overlap bytes [begin, end) of the text.
std::vector<std::int64_t> positions_of(const Tokens& tokens, const Encoding& encoding,
                                       std::size_t begin, std::size_t end) {
  const auto encoded = static_cast<std::int64_t>(encoding.ids.size() - special_end(encoding));
  const std::int64_t shift = tokens.size() - encoded;
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < static_cast<std::size_t>(encoded); ++i) {
    const auto [from, to] = encoding.offsets[i];
    // A token may begin before the subject, for instance with its blank.
    if (!encoding.special[i] && from < end && to > begin)
      positions.push_back(static_cast<std::int64_t>(i) + shift);
  }
  return positions;
}

std::string listed(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "'" : ", '") + text + "'";
  return list;
}

}  // namespace

std::size_t PromptBook::prompt(const std::string& pattern, const std::string& subject,
                               const NamedFact& named) {
  const auto [known, is_new] = prompt_of_.emplace(pattern + '\0' + subject, prompts_.size());
  if (!is_new) return known->second;
  const std::size_t begin = slot_of(pattern, named);
  std::string text = pattern;
  text.replace(begin, std::string(kSlot).size(), subject);
  const Encoding encoding = model_.tokenizer()->encode(text);
  Prompt prompt;
  prompt.tokens = open_tokens(model_, text, encoding);
  prompt.subject = positions_of(prompt.tokens, encoding, begin, begin + subject.size());
  if (prompt.subject.empty())
    named.refuse("subject '" + subject + "' has 0 tokens in the prompt '" + text +
                 "'; give a subject that the tokenizer does not drop");
  prompts_.push_back(std::move(prompt));
  return known->second;
}

Cell PromptBook::cell(std::size_t index, const std::string& object, const NamedFact& named) {
  Prompt& prompt = prompts_[index];
  const std::string& start = prompt.tokens.text;
  const bool joined = !blank_ || is_white(object.front()) || is_white(start.back());
  const std::string text = joined ? object : " " + object;
  const auto [known, is_new] =
      continuation_of_.emplace(std::pair(index, text), prompt.continuations.size());
  if (!is_new) return {index, known->second};
  const std::string whole = start + text;
  const Tokens tokens = open_tokens(model_, whole, model_.tokenizer()->encode(whole));
  const std::vector<std::int64_t>&first = prompt.tokens.ids, &all = tokens.ids;
  if (all.size() < first.size() || !std::equal(first.begin(), first.end(), all.begin()))
    named.refuse("'" + object + "' changes the tokens of the prompt '" + start +
                 "' that it follows" + " (alone " + listed(prompt.tokens.texts) + ", together " +
                 listed(tokens.texts) +
                 "); end the template at the end of a word, without white space");
  if (all.size() == first.size())
    named.refuse("field object: '" + object + "' has 0 tokens after the prompt '" + start +
                 "'; give a text that the tokenizer does not drop");
  // The last token is predicted, not read.
  const std::int64_t limit = position_limit(model_.spec());
  if (tokens.size() - 1 > limit)
    named.refuse("the prompt '" + start + "' with '" + object + "' has " +
                 std::to_string(tokens.size()) + " tokens, but the model has " +
                 std::to_string(limit) + " positions; give a shorter template");
  prompt.continuations.push_back(
      {text, {all.begin() + static_cast<std::ptrdiff_t>(first.size()), all.end()}});
  return {index, known->second};
}

}  // namespace lensbench::facts
