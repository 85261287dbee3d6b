#include "measures.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace lensbench::facts {
namespace {

double score_of(const std::vector<PromptScores>& scores, const Cell& cell) {
  return scores[cell.prompt].log_probability[cell.continuation];
}

/// Middle value; of an even number the smaller of the two in the middle, which is a rank again.
std::int64_t lower_median(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

TemplateMeasures measure_template(const PlannedTemplate& planned,
                                  const std::vector<PromptScores>& scores, double min_lift) {
  TemplateMeasures found;
  const double own = score_of(scores, planned.object);
  found.log_probability = own;
  double best = -std::numeric_limits<double>::infinity();
  found.candidate_rank = 1;
  for (const Cell& cell : planned.others) {
    const double other = score_of(scores, cell);
    best = std::max(best, other);
    if (other > own) ++found.candidate_rank;
  }
  found.margin = own - best;
  for (const Cell& cell : planned.neutral) found.prior += score_of(scores, cell);
  found.prior /= static_cast<double>(planned.neutral.size());
  found.rank = scores[planned.object.prompt].first_rank[planned.object.continuation];
  found.asserted = found.margin > 0 && found.lift() > min_lift;
  return found;
}

std::size_t node_of(Graph& graph, const std::string& text) {
  const std::string name = trimmed(text);
  const auto known = std::find(graph.nodes.begin(), graph.nodes.end(), name);
  if (known != graph.nodes.end()) return static_cast<std::size_t>(known - graph.nodes.begin());
  graph.nodes.push_back(name);
  graph.out_degree.push_back(0);
  graph.in_degree.push_back(0);
  return graph.nodes.size() - 1;
}

/// Names of the inverse of each relation, whichever of the two names the other.
std::map<std::string, std::string> inverses_of(const FactsPlan& plan) {
  std::map<std::string, std::string> inverses;
  for (const PlannedFact& fact : plan.facts)
    if (!fact.fact().inverse.empty()) {
      inverses.emplace(fact.fact().relation, fact.fact().inverse);
      inverses.emplace(fact.fact().inverse, fact.fact().relation);
    }
  return inverses;
}

bool is_inverse(const Fact& fact, const Fact& other, const std::string& inverse) {
  return other.relation == inverse && trimmed(other.subject) == trimmed(fact.object) &&
         trimmed(other.object) == trimmed(fact.subject);
}

}  // namespace

FactMeasures measure(const PlannedFact& fact, const std::vector<PromptScores>& scores,
                     const FactsOptions& options) {
  FactMeasures found;
  found.candidates.assign(fact.others.size() + 1, 0.0);
  std::vector<std::int64_t> ranks, candidate_ranks;
  const auto count = static_cast<double>(fact.templates.size());
  for (const PlannedTemplate& planned : fact.templates) {
    const TemplateMeasures one = measure_template(planned, scores, options.min_lift);
    found.log_probability += one.log_probability / count;
    found.prior += one.prior / count;
    found.lift += one.lift() / count;
    found.margin += one.margin / count;
    found.agreement += (one.asserted ? 1.0 : 0.0) / count;
    ranks.push_back(one.rank);
    candidate_ranks.push_back(one.candidate_rank);
    found.candidates.front() += one.log_probability / count;
    for (std::size_t i = 0; i < planned.others.size(); ++i)
      found.candidates[i + 1] += score_of(scores, planned.others[i]) / count;
    found.templates.push_back(one);
  }
  found.rank = lower_median(ranks);
  found.candidate_rank = lower_median(candidate_ranks);
  // A share such as 3 times 1/3 may be below 1 by rounding.
  found.asserted = found.agreement + 1e-9 >= options.agreement;
  return found;
}

Graph graph_of(const FactsPlan& plan, const std::vector<FactMeasures>& measures) {
  Graph graph;
  for (std::size_t i = 0; i < plan.facts.size(); ++i) {
    const std::size_t subject = node_of(graph, plan.facts[i].fact().subject);
    const std::size_t object = node_of(graph, plan.facts[i].fact().object);
    graph.subject.push_back(static_cast<std::int64_t>(subject));
    graph.object.push_back(static_cast<std::int64_t>(object));
    if (!measures[i].asserted) continue;
    ++graph.out_degree[subject];
    ++graph.in_degree[object];
  }
  return graph;
}

std::vector<double> consistencies(const FactsPlan& plan,
                                  const std::vector<FactMeasures>& measures) {
  const std::map<std::string, std::string> inverses = inverses_of(plan);
  std::vector<double> pairs(plan.relations.size(), 0), agreeing(plan.relations.size(), 0);
  for (std::size_t i = 0; i < plan.facts.size(); ++i) {
    const auto inverse = inverses.find(plan.facts[i].fact().relation);
    if (inverse == inverses.end()) continue;
    for (std::size_t j = 0; j < plan.facts.size(); ++j) {
      if (!is_inverse(plan.facts[i].fact(), plan.facts[j].fact(), inverse->second)) continue;
      pairs[plan.facts[i].relation] += 1;
      if (measures[i].asserted == measures[j].asserted) agreeing[plan.facts[i].relation] += 1;
    }
  }
  for (std::size_t r = 0; r < pairs.size(); ++r)
    agreeing[r] = pairs[r] > 0 ? agreeing[r] / pairs[r] : std::numeric_limits<double>::quiet_NaN();
  return agreeing;
}

std::vector<double> asserted_shares(const FactsPlan& plan,
                                    const std::vector<FactMeasures>& measures) {
  std::vector<double> facts(plan.relations.size(), 0), asserted(plan.relations.size(), 0);
  for (std::size_t i = 0; i < plan.facts.size(); ++i) {
    facts[plan.facts[i].relation] += 1;
    asserted[plan.facts[i].relation] += measures[i].asserted ? 1 : 0;
  }
  for (std::size_t r = 0; r < facts.size(); ++r) asserted[r] /= facts[r];
  return asserted;
}

std::int64_t facts_without_neutral(const FactsPlan& plan) {
  const auto lacks = [&](const PlannedTemplate& planned) {
    const std::vector<std::int64_t>& own = plan.prompts[planned.object.prompt].tokens.ids;
    return std::none_of(planned.neutral.begin(), planned.neutral.end(), [&](const Cell& cell) {
      return plan.prompts[cell.prompt].tokens.ids != own;
    });
  };
  return std::count_if(plan.facts.begin(), plan.facts.end(), [&](const PlannedFact& fact) {
    return std::any_of(fact.templates.begin(), fact.templates.end(), lacks);
  });
}

}  // namespace lensbench::facts
