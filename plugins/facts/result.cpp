#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/metric.hpp>

#include "columns.hpp"
#include "common/noise.hpp"
#include "result_rows.hpp"

namespace lensbench::facts {
namespace {

template <class Get>
at::Tensor measured(const Answers& answers, Get get) {
  return numbers(each<double>(answers.measures, get));
}
template <class Get>
at::Tensor counted(const Answers& answers, Get get) {
  return integers(each<std::int64_t>(answers.measures, get));
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
/// First layer from which on the lens gives the first token of the object.
std::int64_t settled_at(const FactsPlan& plan, const Answers& answers, const Cell& cell) {
  return settled_layer(answers.scores[cell.prompt].lens_top, first_token(plan, cell));
}

std::int64_t object_length(const FactsPlan& plan, const Cell& cell) {
  return std::ssize(plan.prompts[cell.prompt].continuations[cell.continuation].ids);
}

void add_first_template(Dataset& dataset, const FactsPlan& plan, const Answers& answers) {
  const Names fact = {"fact"};
  const auto ids = [&](auto get) { return each<std::int64_t>(plan.facts, get); };
  dataset.add("top_id", fact, integers(ids([&](const PlannedFact& f) {
                return answers.scores[first_cell(f).prompt].top_id;
              })),
              "1", "token that the model itself puts first after the first template",
              Holds::token_ids);
  dataset.add(
      "settled_layer", fact,
      integers(ids([&](const PlannedFact& f) { return settled_at(plan, answers, first_cell(f)); })),
      "1",
      "first layer from which on the lens gives the object's first token, for the first "
      "template; -1: never");
  dataset.add(
      "object_tokens", fact,
      integers(ids([&](const PlannedFact& f) { return object_length(plan, first_cell(f)); })), "1",
      "number of tokens of the object, in the first template");
  dataset.add("length_mismatch", fact,
              flags(ids([](const PlannedFact& f) { return f.length_mismatch; })), "1",
              "1 if the candidates differ in their number of tokens: the shorter ones win easily");
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
  add_recalls(dataset, answers, options.corruption == "noise");
  add_candidates(dataset, plan, answers);
  add_graph(dataset, plan, answers);
  add_relations(dataset, plan, answers);
  add_prompts(dataset, plan, answers);
  add_options(dataset, context, options);
  return dataset;
}

}  // namespace lensbench::facts
