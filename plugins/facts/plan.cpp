#include "plan.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <set>
#include <tuple>

#include "prompts.hpp"

namespace lensbench::facts {
namespace {

/// Facts of one relation, and the lists that facts without their own take from it.
struct Relation {
  std::vector<const NamedFact*> facts;
  const NamedFact* with_templates = nullptr;
  const NamedFact* with_candidates = nullptr;
  const NamedFact* with_neutral = nullptr;

  /// Whether a subject has an object in this relation.
  bool has(const std::string& subject, const std::string& object) const {
    return std::any_of(facts.begin(), facts.end(), [&](const NamedFact* one) {
      return trimmed(one->fact.subject) == trimmed(subject) &&
             trimmed(one->fact.object) == trimmed(object);
    });
  }
};

std::string in_words(const Fact& fact) {
  return "(" + trimmed(fact.subject) + ", " + fact.relation + ", " + trimmed(fact.object) + ")";
}

void check_texts(const NamedFact& named) {
  const Fact& fact = named.fact;
  const auto check = [&](const std::string& text, const char* field) {
    if (trimmed(text).empty())
      named.refuse(std::string("field ") + field + " is empty; give a text");
  };
  check(fact.subject, "subject");
  check(fact.relation, "relation");
  check(fact.object, "object");
  for (const std::string& text : fact.candidates) check(text, "candidates");
  for (const std::string& text : fact.neutral) check(text, "neutral");
}

std::map<std::string, Relation> relations_of(const std::vector<NamedFact>& facts) {
  std::map<std::string, Relation> relations;
  std::map<std::tuple<std::string, std::string, std::string>, const NamedFact*> seen;
  for (const NamedFact& named : facts) {
    const Fact& fact = named.fact;
    check_texts(named);
    const auto [first, is_new] = seen.emplace(
        std::tuple(trimmed(fact.subject), fact.relation, trimmed(fact.object)), &named);
    if (!is_new)
      named.refuse("the fact " + in_words(fact) + " is already given (" + first->second->where +
                   "); give each fact once, with all its templates");
    Relation& relation = relations[fact.relation];
    relation.facts.push_back(&named);
    if (!relation.with_templates && !fact.templates.empty()) relation.with_templates = &named;
    if (!relation.with_candidates && !fact.candidates.empty()) relation.with_candidates = &named;
    if (!relation.with_neutral && !fact.neutral.empty()) relation.with_neutral = &named;
  }
  return relations;
}

std::vector<std::string> templates_of(const Fact& fact, const Relation& relation,
                                      const FactsOptions& options) {
  if (!fact.templates.empty()) return fact.templates;
  if (relation.with_templates) return relation.with_templates->fact.templates;
  return {options.prompt_template};
}

/// Texts, each once up to white space at its ends.
class Distinct {
 public:
  void add(const std::string& text) {
    if (seen_.insert(trimmed(text)).second) texts_.push_back(text);
  }
  bool contains(const std::string& text) const { return seen_.contains(trimmed(text)); }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::set<std::string> seen_;
  std::vector<std::string> texts_;
};

/// Candidates other than the object. Further objects of the same subject are not wrong answers, so
/// they are left out (the filtered setting of Bordes et al. 2013).
std::vector<std::string> other_candidates(const NamedFact& named, const Relation& relation) {
  const Fact& fact = named.fact;
  Distinct all;
  const NamedFact* source = fact.candidates.empty() ? relation.with_candidates : &named;
  if (source) {
    for (const std::string& text : source->fact.candidates) all.add(text);
    if (!all.contains(fact.object))
      named.refuse("field candidates" +
                   (source == &named ? std::string() : " of " + source->where) +
                   " lacks the object '" + trimmed(fact.object) + "'; add it");
  } else {
    for (const NamedFact* one : relation.facts) all.add(one->fact.object);
  }
  std::vector<std::string> others;
  for (const std::string& text : all.texts())
    if (trimmed(text) != trimmed(fact.object) && !relation.has(fact.subject, text))
      others.push_back(text);
  if (others.empty())
    named.refuse("the fact " + in_words(fact) +
                 " lacks another candidate to compare its object with; add candidates, a list of "
                 "answers with the object among them");
  return others;
}

/// Neutral subjects: those given, or the relation's, of which no fact has this object.
std::vector<std::string> neutral_subjects(const NamedFact& named, const Relation& relation) {
  const Fact& fact = named.fact;
  Distinct all;
  const NamedFact* source = fact.neutral.empty() ? relation.with_neutral : &named;
  if (source)
    for (const std::string& text : source->fact.neutral) all.add(text);
  else
    for (const NamedFact* one : relation.facts) all.add(one->fact.subject);
  std::vector<std::string> neutral;
  for (const std::string& text : all.texts())
    if (trimmed(text) != trimmed(fact.subject) && !relation.has(text, fact.object))
      neutral.push_back(text);
  if (neutral.empty())
    named.refuse("the fact " + in_words(fact) +
                 " has 0 neutral subjects, with which its prior is measured; add neutral, a "
                 "subject that does not have this object, such as He, or a fact of the same "
                 "relation with another subject and object");
  return neutral;
}

bool lengths_differ(const std::vector<Prompt>& prompts, const PlannedTemplate& planned) {
  const auto length = [&](const Cell& cell) {
    return prompts[cell.prompt].continuations[cell.continuation].ids.size();
  };
  return std::any_of(planned.others.begin(), planned.others.end(),
                     [&](const Cell& cell) { return length(cell) != length(planned.object); });
}

PlannedFact planned_fact(PromptBook& book, const std::vector<Prompt>& prompts,
                         const NamedFact& named, const Relation& relation,
                         const FactsOptions& options) {
  const Fact& fact = named.fact;
  PlannedFact planned{named, 0, other_candidates(named, relation), {}, false};
  const std::vector<std::string> neutral = neutral_subjects(named, relation);
  Distinct templates;
  for (const std::string& pattern : templates_of(fact, relation, options)) {
    if (templates.contains(pattern))
      named.refuse(named.template_field() + pattern + "' is given twice; give each template once");
    templates.add(pattern);
    const std::size_t prompt = book.prompt(pattern, fact.subject, named);
    PlannedTemplate one{pattern, book.cell(prompt, fact.object, named), {}, {}};
    for (const std::string& text : planned.others)
      one.others.push_back(book.cell(prompt, text, named));
    for (const std::string& subject : neutral)
      one.neutral.push_back(book.cell(book.prompt(pattern, subject, named), fact.object, named));
    planned.length_mismatch = planned.length_mismatch || lengths_differ(prompts, one);
    planned.templates.push_back(std::move(one));
  }
  return planned;
}

}  // namespace

std::string trimmed(const std::string& text) {
  const char* white = " \t\r\n";
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) + 1 - begin);
}

FactsPlan make_plan(const Model& model, const std::vector<NamedFact>& facts,
                    const FactsOptions& options) {
  if (facts.empty()) throw UsageError("facts: there is no fact to ask about; give at least one");
  if (!model.tokenizer())
    throw UsageError(
        "facts: the model lacks a tokenizer, but facts are texts; use a model with a tokenizer");
  const std::map<std::string, Relation> relations = relations_of(facts);
  FactsPlan plan;
  PromptBook book(model, plan.prompts, options.blank);
  plan.facts.reserve(facts.size());
  for (const NamedFact& named : facts) {
    const std::string& name = named.fact.relation;
    PlannedFact planned = planned_fact(book, plan.prompts, named, relations.at(name), options);
    const auto known = std::find(plan.relations.begin(), plan.relations.end(), name);
    planned.relation = static_cast<std::size_t>(known - plan.relations.begin());
    if (known == plan.relations.end()) plan.relations.push_back(name);
    plan.facts.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace lensbench::facts
