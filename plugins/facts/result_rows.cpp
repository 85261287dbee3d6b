#include "result_rows.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "columns.hpp"

namespace lensbench::facts {
namespace {

void add_total_effects(Dataset& dataset, const std::vector<Recall>& recalls, bool noise) {
  dataset.add(
      "total_effect", {"fact"},
      numbers(each<double>(recalls, [](const Recall& one) { return one.total_effect; })), "1",
      "probability of the object's first token, clean minus corrupted subject; where it is small, "
      "peaks mean little");
  if (noise)
    dataset.add(
        "control_total_effect", {"fact"},
        numbers(each<double>(recalls, [](const Recall& one) { return one.control_total_effect; })),
        "1",
        "total effect of noise on as many tokens that are not of the subject, drawn for each "
        "sample "
        "(NaN: there are none)");
}

/// The object of a fact, then the other candidates.
Names candidates_of(const PlannedFact& planned) {
  Names own = {trimmed(planned.fact().object)};
  for (const std::string& other : planned.others) own.push_back(trimmed(other));
  return own;
}

/// Index of the largest number.
std::size_t largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// \param nan  meaning of NaN
void add_map_intervals(Dataset& dataset, const Answers& answers, const std::string& nan) {
  std::vector<double> bounds;
  for (const MapResult& one : answers.maps) bounds.insert(bounds.end(), {one.low, one.high});
  dataset.add_coordinate("bound", Names{"low", "high"}, "bound of an interval");
  dataset.add("map_interval", {"relation_name", "bound"},
              numbers(bounds).view({std::ssize(answers.maps), 2}), "1",
              "Wilson's 95 % interval of map_faithfulness" + nan);
}

void add_maps(Dataset& dataset, const Answers& answers) {
  if (answers.maps.empty()) return;
  const Names relation = {"relation_name"};
  using M = MapResult;
  const auto shares = [&](auto get) { return numbers(each<double>(answers.maps, get)); };
  const auto counts = [&](auto get) { return integers(each<std::int64_t>(answers.maps, get)); };
  const std::string nan = " (NaN: fewer than two subjects)";
  dataset.add(
      "map_faithfulness", relation, shares([](const M& m) { return m.faithfulness; }), "1",
      "share of held-out subjects for which the linear map has the model's first choice" + nan);
  add_map_intervals(dataset, answers, nan);
  dataset.add("map_control_faithfulness", relation, shares([](const M& m) { return m.control; }),
              "1",
              "the same for the mean last stream of the training subjects, which ignores the "
              "subject" +
                  nan);
  dataset.add("map_training_subjects", relation, counts([](const M& m) { return m.training; }), "1",
              "subjects that the map is fitted to");
  dataset.add("map_held_out_subjects", relation, counts([](const M& m) { return m.held_out; }), "1",
              "other subjects, which it is measured on");
}

}  // namespace

void add_recalls(Dataset& dataset, const Answers& answers, bool noise) {
  if (answers.recalls.empty()) return;
  std::vector<std::int64_t> blocks;
  std::vector<double> effects;
  for (const Recall& recall : answers.recalls) {
    blocks.insert(blocks.end(), recall.peak_block.begin(), recall.peak_block.end());
    effects.insert(effects.end(), recall.peak_effect.begin(), recall.peak_effect.end());
  }
  const std::vector<std::int64_t> shape = {std::ssize(answers.recalls), std::ssize(kKinds)};
  dataset.add_coordinate("kind", kKinds,
                         "restored activation: the stream after a block, or the output of the MLP "
                         "in a window of blocks");
  dataset.add("peak_block", {"fact", "kind"}, integers(blocks).view(shape), "1",
              "block whose restoration at the subject's last token has the largest effect, for the "
              "first template");
  dataset.add("peak_effect", {"fact", "kind"}, numbers(effects).view(shape), "1",
              "largest indirect effect on the probability of the object's first token");
  add_total_effects(dataset, answers.recalls, noise);
}

void add_prompts(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  Names labels;
  std::vector<std::int64_t> facts;
  std::vector<TemplateMeasures> all;
  for (std::size_t i = 0; i < plan.facts.size(); ++i)
    for (std::size_t t = 0; t < plan.facts[i].templates.size(); ++t) {
      labels.push_back(plan.prompts[plan.facts[i].templates[t].object.prompt].tokens.text);
      facts.push_back(static_cast<std::int64_t>(i));
      all.push_back(answers.measures[i].templates[t]);
    }
  const Names prompt = {"prompt"};
  using M = TemplateMeasures;
  number_label(dataset, "prompt_fact", "prompt", facts, "fact, counted from 0");
  label(dataset, "prompt_text", "prompt", std::move(labels), "the prompt");
  dataset.add("prompt_log_probability", prompt,
              numbers(each<double>(all, [](const M& m) { return m.log_probability; })), "nats",
              "log-probability of the object after this prompt");
  dataset.add("prompt_prior", prompt,
              numbers(each<double>(all, [](const M& m) { return m.prior; })), "nats",
              "the same with a neutral subject, mean over them");
  dataset.add("prompt_margin", prompt,
              numbers(each<double>(all, [](const M& m) { return m.margin; })), "nats",
              "log-probability of the object minus that of the best other candidate");
}

void add_candidates(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  Names texts, best;
  std::vector<std::int64_t> facts;
  std::vector<double> scores;
  for (std::size_t i = 0; i < plan.facts.size(); ++i) {
    const Names own = candidates_of(plan.facts[i]);
    const std::vector<double>& found = answers.measures[i].candidates;
    best.push_back(own[largest(found)]);
    for (std::size_t c = 0; c < own.size(); ++c) {
      texts.push_back(own[c]);
      facts.push_back(static_cast<std::int64_t>(i));
      scores.push_back(found[c]);
    }
  }
  dataset.add("best_candidate", "fact", std::move(best),
              "candidate with the largest log-probability, mean over templates");
  number_label(dataset, "candidate_fact", "candidate_row", facts, "fact, counted from 0");
  label(dataset, "candidate", "candidate_row", std::move(texts),
        "candidate; the object is the first of its fact");
  dataset.add("candidate_log_probability", {"candidate_row"}, numbers(scores), "nats",
              "log-probability of the candidate after the prompt of the fact, mean over templates");
}

void add_graph(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  const Graph graph = graph_of(plan, answers.measures);
  dataset.add("subject_node", {"fact"}, integers(graph.subject), "1", "node of the subject");
  dataset.add("object_node", {"fact"}, integers(graph.object), "1", "node of the object");
  dataset.add_coordinate("node", graph.nodes, "subject or object");
  dataset.add("out_degree", {"node"}, integers(graph.out_degree), "1",
              "asserted facts whose subject it is");
  dataset.add("in_degree", {"node"}, integers(graph.in_degree), "1",
              "asserted facts whose object it is");
}

void add_relations(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  dataset.add_coordinate("relation_name", plan.relations, "relation");
  dataset.add("asserted_share", {"relation_name"}, numbers(asserted_shares(plan, answers.measures)),
              "1", "share of the relation's facts that are asserted");
  dataset.add(
      "consistency", {"relation_name"}, numbers(consistencies(plan, answers.measures)), "1",
      "share of pairs of a fact and its inverse of which both or neither are asserted (NaN: "
      "there are no such pairs)");
  add_maps(dataset, answers);
}

}  // namespace lensbench::facts
