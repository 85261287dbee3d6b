#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/metric.hpp>

#include "common/noise.hpp"

namespace lensbench::facts {
namespace {

using Names = std::vector<std::string>;

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}
at::Tensor integers(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}
at::Tensor flags(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kChar);
}

/// One value of each element.
template <class Value, class Element, class Get>
std::vector<Value> each(const std::vector<Element>& elements, Get get) {
  std::vector<Value> values;
  values.reserve(elements.size());
  for (const Element& element : elements) values.push_back(get(element));
  return values;
}

template <class Get>
at::Tensor measured(const Answers& answers, Get get) {
  return numbers(each<double>(answers.measures, get));
}
template <class Get>
at::Tensor counted(const Answers& answers, Get get) {
  return integers(each<std::int64_t>(answers.measures, get));
}

void label(Dataset& dataset, const char* name, const char* dim, Names texts, const char* meaning) {
  dataset.add({.name = name,
               .dims = {dim},
               .strings = std::move(texts),
               .long_name = meaning,
               .coordinate = true});
}

void number_label(Dataset& dataset, const char* name, const char* dim,
                  const std::vector<std::int64_t>& values, const char* meaning) {
  dataset.add({.name = name,
               .dims = {dim},
               .tensor = integers(values),
               .long_name = meaning,
               .coordinate = true});
}

/// First template of a fact: that of the lens and the trace.
const Cell& first_cell(const PlannedFact& fact) {
  return fact.templates.front().object;
}

std::int64_t first_token(const FactsPlan& plan, const Cell& cell) {
  return plan.prompts[cell.prompt].continuations[cell.continuation].ids.front();
}

void add_fact_axis(Dataset& dataset, const FactsPlan& plan) {
  const auto texts = [&](auto get) { return each<std::string>(plan.facts, get); };
  // The subject first: narrow terminals shorten the label at its end.
  dataset.add_coordinate("fact", texts([](const PlannedFact& fact) {
                           return trimmed(fact.fact().subject) + " > " +
                                  trimmed(fact.fact().object) + " (" + fact.fact().relation + ")";
                         }),
                         "subject > object (relation)");
  label(dataset, "subject", "fact",
        texts([](const PlannedFact& fact) { return fact.fact().subject; }), "subject");
  label(dataset, "relation", "fact",
        texts([](const PlannedFact& fact) { return fact.fact().relation; }), "relation");
  label(dataset, "object", "fact",
        texts([](const PlannedFact& fact) { return fact.fact().object; }), "object");
}

void add_measures(Dataset& dataset, const Answers& answers) {
  const Names fact = {"fact"};
  using M = FactMeasures;
  dataset.add("asserted", fact,
              flags(each<std::int64_t>(answers.measures, [](const M& m) { return m.asserted; })),
              "1", "1 if enough templates assert the fact");
  dataset.add(
      "log_probability", fact, measured(answers, [](const M& m) { return m.log_probability; }),
      "nats",
      "log-probability of the object after the prompt, all its tokens, mean over templates");
  dataset.add("lift", fact, measured(answers, [](const M& m) { return m.lift; }), "nats",
              "log_probability minus prior");
  dataset.add("margin", fact, measured(answers, [](const M& m) { return m.margin; }), "nats",
              "log_probability minus that of the best other candidate, mean over templates");
  dataset.add("candidate_rank", fact, counted(answers, [](const M& m) { return m.candidate_rank; }),
              "1", "rank of the object among the candidates, lower median over templates");
  dataset.add("rank", fact, counted(answers, [](const M& m) { return m.rank; }), "1",
              "rank of the object's first token in the vocabulary, lower median over templates");
  dataset.add("template_agreement", fact, measured(answers, [](const M& m) { return m.agreement; }),
              "1", "share of the templates that assert the fact");
  dataset.add("prior", fact, measured(answers, [](const M& m) { return m.prior; }), "nats",
              "log-probability of the object after the prompt with a neutral subject, mean over "
              "neutral subjects and templates");
}

/// What depends on the tokens of the first template.
void add_first_template(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  const Names fact = {"fact"};
  const auto ids = [&](auto get) { return each<std::int64_t>(plan.facts, get); };
  dataset.add("top_id", fact, integers(ids([&](const PlannedFact& f) {
                return answers.scores[first_cell(f).prompt].top_id;
              })),
              "1", "token that the model itself puts first after the first template",
              Holds::token_ids);
  dataset.add("settled_layer", fact, integers(ids([&](const PlannedFact& f) {
                const Cell& cell = first_cell(f);
                return settled_layer(answers.scores[cell.prompt].lens_top, first_token(plan, cell));
              })),
              "1",
              "first layer from which on the lens gives the object's first token, for the first "
              "template; -1: never");
  dataset.add("object_tokens", fact, integers(ids([&](const PlannedFact& f) {
                const Cell& cell = first_cell(f);
                return std::ssize(plan.prompts[cell.prompt].continuations[cell.continuation].ids);
              })),
              "1", "number of tokens of the object, in the first template");
  dataset.add("length_mismatch", fact,
              flags(ids([](const PlannedFact& f) { return f.length_mismatch; })), "1",
              "1 if the candidates differ in their number of tokens: the shorter ones win easily");
}

void add_recalls(Dataset& dataset, const Answers& answers) {
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
  dataset.add(
      "total_effect", {"fact"},
      numbers(each<double>(answers.recalls, [](const Recall& one) { return one.total_effect; })),
      "1",
      "probability of the object's first token, clean minus corrupted subject; where it is small, "
      "peaks mean little");
}

/// Each fact with each template.
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

/// Each fact with each candidate, the object first.
void add_candidates(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  Names texts, best;
  std::vector<std::int64_t> facts;
  std::vector<double> scores;
  for (std::size_t i = 0; i < plan.facts.size(); ++i) {
    Names own = {trimmed(plan.facts[i].fact().object)};
    for (const std::string& other : plan.facts[i].others) own.push_back(trimmed(other));
    const std::vector<double>& found = answers.measures[i].candidates;
    best.push_back(own[static_cast<std::size_t>(std::max_element(found.begin(), found.end()) -
                                                found.begin())]);
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

void add_maps(Dataset& dataset, const Answers& answers) {
  if (answers.maps.empty()) return;
  const Names relation = {"relation_name"};
  using M = MapResult;
  const auto shares = [&](auto get) { return numbers(each<double>(answers.maps, get)); };
  const auto counts = [&](auto get) { return integers(each<std::int64_t>(answers.maps, get)); };
  const std::string nan = " (NaN: fewer than two subjects)";
  std::vector<double> bounds;
  for (const MapResult& one : answers.maps) bounds.insert(bounds.end(), {one.low, one.high});
  dataset.add(
      "map_faithfulness", relation, shares([](const M& m) { return m.faithfulness; }), "1",
      "share of held-out subjects for which the linear map has the model's first choice" + nan);
  dataset.add_coordinate("bound", Names{"low", "high"}, "bound of an interval");
  dataset.add("map_interval", {"relation_name", "bound"},
              numbers(bounds).view({std::ssize(answers.maps), 2}), "1",
              "Wilson's 95 % interval of map_faithfulness" + nan);
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

void add_options(Dataset& dataset, const Context& context, const FactsOptions& options) {
  auto& attributes = dataset.attributes;
  const auto flag = [](bool value) { return static_cast<std::int64_t>(value); };
  attributes["template"] = options.prompt_template;
  attributes["join"] = std::string(options.blank ? "blank" : "none");
  attributes["agreement"] = options.agreement;
  attributes["min_lift"] = options.min_lift;
  attributes["trace"] = flag(options.trace);
  attributes["corruption"] = options.corruption;
  attributes["noise"] = options.noise;
  attributes["window"] = options.window;
  attributes["relation_map"] = flag(options.relation_map);
  attributes["map_layer"] = options.map_layer;
  attributes["map_beta"] = options.map_beta;
  attributes["map_training"] = options.map_training;
  attributes["map_most_width"] = options.map_most_width;
  attributes["most_rows"] = options.most_rows;
  attributes["seed"] = static_cast<std::int64_t>(context.seed());
  attributes["base_run"] = "prompt with the subject";
  attributes["source_run"] = "prompt with a neutral subject";
  attributes["sign"] = "lift = log p(object after subject) - log p(object after neutral subject)";
  const bool noise = options.trace && options.corruption == "noise";
  Provenance{.definition = "facts/1",
             .rule = options.trace ? options.corruption : "none",
             .samples = options.samples,
             .seed_stream = noise ? static_cast<std::int64_t>(tracing::kNoiseStream) : -1}
      .describe(dataset);
}

}  // namespace

Dataset result_of(const Context& context, const FactsPlan& plan, const Answers& answers,
                  const FactsOptions& options) {
  Dataset dataset;
  add_fact_axis(dataset, plan);
  add_measures(dataset, answers);
  add_first_template(dataset, plan, answers);
  add_recalls(dataset, answers);
  add_candidates(dataset, plan, answers);
  add_graph(dataset, plan, answers);
  add_relations(dataset, plan, answers);
  add_prompts(dataset, plan, answers);
  add_options(dataset, context, options);
  return dataset;
}

}  // namespace lensbench::facts
