#pragma once

#include <lensbench/parameters.hpp>
#include <lensbench/tools/facts.hpp>
#include <string>
#include <vector>

namespace lensbench::facts {

/// A fact, and what it is called in messages.
struct NamedFact {
  Fact fact;
  std::string where;     ///< `facts.jsonl:3`, or `facts: fact 3`
  bool of_file = false;  ///< errors are those of an input file

  /// Throws InputError or UsageError with the place and the message.
  [[noreturn]] void refuse(const std::string& message) const;
  /// Name of what holds its prompts, for messages.
  const char* template_field() const { return of_file ? "field templates: '" : "template '"; }
};

/// Facts of a JSONL file. \throws InputError as `Facts::read`
std::vector<NamedFact> facts_of_file(const std::string& file);

/// The facts that a request asks for: those of the file, or the one of `subject` and `object`.
/// \throws UsageError unless exactly one of both is given
std::vector<NamedFact> facts_of(const Parameters& parameters);

/// Facts of a caller, numbered from 1 in messages.
std::vector<NamedFact> named(const std::vector<Fact>& facts);

}  // namespace lensbench::facts
