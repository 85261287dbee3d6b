#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/tools/vision_lens.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench::vision_lens {

/// A token of a concept.
struct ConceptToken {
  std::int64_t id = 0;
  std::string text;          ///< display text of the token
  std::string form;          ///< form that it was given by
  bool begins_form = false;  ///< the form has more tokens
};

/// Tokens of a concept, each once, ordered by id.
struct TokenSet {
  std::string name;
  std::vector<ConceptToken> tokens;
};

/// Concepts of a parameter: `eye=Ġeye|Ġeyes,cat`. Commas separate concepts, bars the forms of one.
/// A name before `=` is optional; without it the first form is the name.
/// \throws UsageError for an empty name or form
std::vector<Concept> parse_concepts(std::string_view text);

/// Text that `parse_concepts` reads.
std::string to_text(const std::vector<Concept>& concepts);

/// Tokens of the concepts.
/// \throws UsageError for a repeated name, an id that the tokenizer does not have, a text without a
///   tokenizer, and a first token that is a blank or a part of a character
std::vector<TokenSet> token_sets(const Model& model, const std::vector<Concept>& concepts);

}  // namespace lensbench::vision_lens
