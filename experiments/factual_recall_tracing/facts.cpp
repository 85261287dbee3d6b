#include "facts.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

namespace factual_recall_tracing {
namespace {

using namespace lensbench;

[[noreturn]] void refuse(const Case& c, const std::string& problem) {
  throw InputError("factual_recall_tracing: case '" + c.id() + "': " + problem);
}

std::string required_field(const Case& c, const char* name, const char* remedy) {
  const auto value = c.field(name);
  if (!value || value->empty())
    refuse(c, std::string("the field '") + name + "' is missing or empty; write " + remedy +
                  " in its line of a JSONL file of prompts");
  return *value;
}

/// Byte at which the subject starts.
std::size_t start_of(const Case& c, const std::string& subject) {
  const std::string& text = c.tokens().text;
  const std::size_t first = text.find(subject);
  if (first == std::string::npos)
    refuse(c, "the field 'subject' is '" + subject + "', which is not in the prompt '" + text +
                  "'; write the subject as the prompt has it");
  if (text.find(subject, first + 1) != std::string::npos)
    refuse(c, "the field 'subject' is '" + subject + "', which the prompt '" + text +
                  "' has more than once; write a longer part of the prompt");
  return first;
}

/// Positions of the tokens that have a part of the subject. A blank before a word is often part of
/// its token.
std::vector<std::int64_t> positions_of(const Case& c, std::size_t begin, std::size_t end) {
  const Encoding encoding = c.model().tokenizer()->encode(c.tokens().text);
  // `to_tokens` may add a token at the front.
  const std::int64_t shift = c.tokens().size() - std::ssize(encoding.ids);
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < encoding.offsets.size(); ++i)
    if (!encoding.special[i] && encoding.offsets[i].first < end &&
        encoding.offsets[i].second > begin)
      positions.push_back(static_cast<std::int64_t>(i) + shift);
  return positions;
}

/// Token of the object, which follows the prompt.
std::int64_t object_of(const Case& c) {
  const std::string object =
      required_field(c, "object", "\"object\": \" Jacob\", the word that completes the prompt,");
  const Tokens whole = to_tokens(c.model(), c.tokens().text + object);
  const auto& prompt = c.tokens().ids;
  if (whole.size() > c.tokens().size() &&
      std::equal(prompt.begin(), prompt.end(), whole.ids.begin())) {
    if (whole.size() == c.tokens().size() + 1) return whole.ids.back();
    refuse(c, "the field 'object' is '" + object + "', which is " +
                  std::to_string(whole.size() - c.tokens().size()) +
                  " tokens, expected 1; write the first of them: '" + whole.texts[prompt.size()] +
                  "'");
  }
  refuse(c, "the field 'object' is '" + object +
                "', which joins the last token of the prompt; begin the object with a blank");
}

/// Checks that another subject changes tokens of the subject, and no others.
void check_places(const Case& c, const Tokens& replaced, const Fact& fact,
                  const std::string& other) {
  bool differs = false;
  for (std::size_t i = 0; i < replaced.ids.size(); ++i) {
    if (replaced.ids[i] == c.tokens().ids[i]) continue;
    differs = true;
    const auto position = static_cast<std::int64_t>(i);
    if (position < fact.subject.front() || position > fact.subject.back())
      refuse(c, "the field 'replacement' is '" + other + "', which changes the token at position " +
                    std::to_string(i) +
                    ", outside the subject; write a subject that starts and ends as this one does");
  }
  if (!differs) refuse(c, "the field 'replacement' is the subject itself; write another subject");
}

Tokens replaced_by(const Case& c, std::size_t begin, std::size_t size, const Fact& fact) {
  const std::string other = required_field(
      c, "replacement",
      "\"replacement\": \"...\", another subject of as many tokens (or set corruptions=noise),");
  std::string text = c.tokens().text;
  text.replace(begin, size, other);
  Tokens replaced = to_tokens(c.model(), text);
  if (replaced.size() != c.tokens().size())
    refuse(c, "the field 'replacement' is '" + other + "', with which the prompt has " +
                  std::to_string(replaced.size()) + " tokens, expected " +
                  std::to_string(c.tokens().size()) + "; write a subject of as many tokens as '" +
                  c.field("subject").value_or("") + "' (`lensbench tokenize` shows them)");
  check_places(c, replaced, fact, other);
  return replaced;
}

}  // namespace

std::vector<std::string> roles_of(std::int64_t length, std::int64_t first, std::int64_t last) {
  std::vector<std::string> roles;
  roles.reserve(static_cast<std::size_t>(length));
  for (std::int64_t i = 0; i < length; ++i) {
    if (i < first)
      roles.emplace_back("before");
    else if (i == last)
      roles.emplace_back("last_subject");
    else if (i == first)
      roles.emplace_back("first_subject");
    else if (i < last)
      roles.emplace_back("middle_subject");
    else if (i == length - 1)
      roles.emplace_back("last");
    else
      roles.emplace_back(i == last + 1 ? "first_after" : "later_after");
  }
  return roles;
}

Fact fact_of(const Case& c, bool replaces) {
  if (c.model().tokenizer() == nullptr || c.tokens().text.empty())
    refuse(c,
           "the prompt is not a text, in which the subject could be found; give it as \"text\", to "
           "a model with a tokenizer");
  const std::string subject = required_field(
      c, "subject", "\"subject\": \"...\", the part of the prompt that the fact is about,");
  const std::size_t begin = start_of(c, subject);
  Fact fact{c.tokens(), positions_of(c, begin, begin + subject.size()), object_of(c), {}, {}};
  if (fact.subject.empty())
    refuse(c, "the field 'subject' is '" + subject +
                  "', which has no token of its own in the "
                  "prompt; write a word");
  if (fact.subject.back() == fact.tokens.size() - 1)
    refuse(
        c,
        "the subject ends the prompt, so its last token and the last token cannot be told apart; "
        "write at least one token after the subject");
  if (replaces) fact.replaced = replaced_by(c, begin, subject.size(), fact);
  fact.token_roles = roles_of(fact.tokens.size(), fact.subject.front(), fact.subject.back());
  return fact;
}

}  // namespace factual_recall_tracing
