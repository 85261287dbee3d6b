#include "concepts.hpp"

#include <algorithm>
#include <charconv>
#include <lensbench/error.hpp>
#include <optional>
#include <set>

namespace lensbench::vision_lens {
namespace {

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == text.size()) return parts;
    begin = end + 1;
  }
}

Concept parse_concept(const std::string& text) {
  const std::size_t equals = text.find('=');
  // A form may be the sign itself.
  const bool named = equals != std::string::npos && equals > 0 && equals + 1 < text.size();
  Concept concept_;
  concept_.forms = parts_of(named ? std::string_view(text).substr(equals + 1) : text, '|');
  for (const std::string& form : concept_.forms)
    if (form.empty())
      throw UsageError("vision_lens: concepts: '" + text +
                       "' has an empty form; give NAME=FORM|FORM, as in eye=Ġeye|Ġeyes");
  concept_.name = named ? text.substr(0, equals) : concept_.forms.front();
  return concept_;
}

std::optional<std::int64_t> id_in(const std::string& form) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(form.data(), form.data() + form.size(), id);
  if (error != std::errc() || end != form.data() + form.size() || id < 0) return std::nullopt;
  return id;
}

/// Refuses a first token that says nothing of the concept.
void check_first(const Tokenizer& tokenizer, const std::string& concept_name,
                 const std::string& form, std::int64_t id) {
  const std::string bytes = tokenizer.token_bytes(id), text = tokenizer.token_text(id);
  const bool blank = bytes.find_first_not_of(" \t\r\n") == std::string::npos;
  if (!blank && text == bytes) return;
  throw UsageError("vision_lens: concept '" + concept_name + "': the first token of '" + form +
                   "' is " + (blank ? "blank" : "a part of a character ('" + text + "')") +
                   ", which begins many other texts; give another form, with or without a space "
                   "before it");
}

/// Token of one form.
ConceptToken token_of(const Model& model, const std::string& concept_name,
                      const std::string& form) {
  const auto tokenizer = model.tokenizer();
  ConceptToken token;
  token.form = form;
  if (const auto id = id_in(form)) {
    const std::int64_t size = tokenizer ? tokenizer->size() : model.spec().vocab_size;
    if (*id >= std::min(size, model.spec().vocab_size))
      throw UsageError("vision_lens: concept '" + concept_name + "': id " + form +
                       " is not a token (expected 0 to " +
                       std::to_string(std::min(size, model.spec().vocab_size) - 1) + ")");
    token.id = *id;
  } else if (!tokenizer) {
    throw UsageError("vision_lens: concept '" + concept_name + "': the model does not have a " +
                     "tokenizer that reads '" + form + "'; give ids");
  } else if (const auto known = tokenizer->id_of(form)) {
    token.id = *known;
  } else {
    const std::vector<std::int64_t> ids = tokenizer->encode(form, false).ids;
    if (ids.empty())
      throw UsageError("vision_lens: concept '" + concept_name + "': '" + form +
                       "' gives 0 tokens; give another form");
    token.id = ids.front();
    token.begins_form = ids.size() > 1;
    check_first(*tokenizer, concept_name, form, token.id);
  }
  token.text = tokenizer ? tokenizer->token_text(token.id) : "<" + std::to_string(token.id) + ">";
  return token;
}

TokenSet token_set(const Model& model, const Concept& concept_) {
  TokenSet set{concept_.name, {}};
  set.tokens.reserve(concept_.forms.size());
  for (const std::string& form : concept_.forms)
    set.tokens.push_back(token_of(model, concept_.name, form));
  // The first form of a token counts; ordered by id, so that the order of forms does not matter.
  std::stable_sort(set.tokens.begin(), set.tokens.end(),
                   [](const ConceptToken& a, const ConceptToken& b) { return a.id < b.id; });
  set.tokens.erase(
      std::unique(set.tokens.begin(), set.tokens.end(),
                  [](const ConceptToken& a, const ConceptToken& b) { return a.id == b.id; }),
      set.tokens.end());
  return set;
}

}  // namespace

std::vector<Concept> parse_concepts(std::string_view text) {
  std::vector<Concept> concepts;
  if (text.empty()) return concepts;
  for (const std::string& part : parts_of(text, ',')) concepts.push_back(parse_concept(part));
  return concepts;
}

std::string to_text(const std::vector<Concept>& concepts) {
  std::string text;
  for (const Concept& one : concepts) {
    text += (text.empty() ? "" : ",") + one.name + "=";
    for (std::size_t i = 0; i < one.forms.size(); ++i) text += (i == 0 ? "" : "|") + one.forms[i];
  }
  return text.empty() ? "none" : text;
}

std::vector<TokenSet> token_sets(const Model& model, const std::vector<Concept>& concepts) {
  std::vector<TokenSet> sets;
  std::set<std::string> names;
  sets.reserve(concepts.size());
  for (const Concept& one : concepts) {
    if (one.name.empty() || one.forms.empty())
      throw UsageError("vision_lens: a concept needs a name and at least one form");
    if (!names.insert(one.name).second)
      throw UsageError("vision_lens: concept '" + one.name + "' is given twice");
    sets.push_back(token_set(model, one));
  }
  return sets;
}

}  // namespace lensbench::vision_lens
