#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <string>
#include <vector>

#include "read_facts.hpp"

namespace lensbench::facts {

/// Text whose log-probability after a prompt is computed.
struct Continuation {
  std::string text;               ///< with the blank that joins it to the prompt
  std::vector<std::int64_t> ids;  ///< its tokens after those of the prompt
};

/// A template with a subject, and everything that is asked about it.
struct Prompt {
  Tokens tokens;
  std::vector<std::int64_t> subject;  ///< positions of the subject's tokens
  std::vector<Continuation> continuations;
};

/// A continuation of a prompt, by index.
struct Cell {
  std::size_t prompt = 0, continuation = 0;
};

/// A fact in one of its templates.
struct PlannedTemplate {
  std::string text;
  Cell object;
  std::vector<Cell> others;   ///< the other candidates, in the order of `PlannedFact::others`
  std::vector<Cell> neutral;  ///< the object after the neutral subjects
};

/// A fact with everything that its relation adds to it.
struct PlannedFact {
  NamedFact named;
  std::size_t relation = 0;         ///< index of the relation
  std::vector<std::string> others;  ///< other candidates
  std::vector<PlannedTemplate> templates;
  bool length_mismatch = false;  ///< candidates differ in their number of tokens

  const Fact& fact() const { return named.fact; }
};

/// All questions. Facts that share a prompt share its forward.
struct FactsPlan {
  std::vector<PlannedFact> facts;
  std::vector<Prompt> prompts;
  std::vector<std::string> relations;  ///< in the order of their first facts
};

/// Text without white space at both ends: what makes two texts the same node, object or subject.
std::string trimmed(const std::string& text);

/// Turns facts into prompts and tokens. \throws InputError (facts of a file) or UsageError as
/// `Facts::ask`
FactsPlan make_plan(const Model& model, const std::vector<NamedFact>& facts,
                    const FactsOptions& options);

}  // namespace lensbench::facts
