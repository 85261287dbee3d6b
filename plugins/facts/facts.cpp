#include "facts.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/sweep_receipts.hpp>
#include <set>

#include "common/worst.hpp"
#include "measures.hpp"
#include "options.hpp"
#include "recall.hpp"
#include "relation_map.hpp"
#include "result.hpp"
#include "scores.hpp"

namespace lensbench::facts {
namespace {

/// Counts finished items, and stops an interrupted run.
class Progress {
 public:
  Progress(Context& context, std::int64_t total) : context_(context), total_(total) {}
  void finish_one() {
    context_.progress(++done_, total_);
    if (context_.cancelled()) throw RunError("facts: the run was interrupted");
  }

 private:
  Context& context_;
  std::int64_t total_, done_ = 0;
};

std::vector<PromptScores> score_prompts(const Model& model, const FactsPlan& plan,
                                        const FactsOptions& options, Progress& progress) {
  std::set<std::size_t> with_lens;
  for (const PlannedFact& fact : plan.facts) with_lens.insert(fact.templates.front().object.prompt);
  std::vector<PromptScores> scores;
  scores.reserve(plan.prompts.size());
  for (std::size_t i = 0; i < plan.prompts.size(); ++i) {
    scores.push_back(score(model, plan.prompts[i], options.most_rows, with_lens.contains(i)));
    progress.finish_one();
  }
  return scores;
}

std::vector<Recall> trace_facts(Context& context, const FactsPlan& plan,
                                const FactsOptions& options, Progress& progress) {
  if (!options.trace) return {};
  const double nu =
      options.corruption == "noise" ? options.noise * vocabulary_deviation(context.model()) : 0.0;
  std::vector<Recall> recalls;
  recalls.reserve(plan.facts.size());
  for (const PlannedFact& fact : plan.facts) {
    recalls.push_back(trace_recall(context, plan, fact.templates.front(), options, nu));
    progress.finish_one();
  }
  return recalls;
}

std::vector<MapResult> measure_maps(const Context& context, const FactsPlan& plan,
                                    const FactsOptions& options, Progress& progress) {
  if (!options.relation_map) return {};
  std::vector<MapResult> maps;
  maps.reserve(plan.relations.size());
  for (std::size_t r = 0; r < plan.relations.size(); ++r)
    maps.push_back(measure_map(context, plan, r, options, [&] { progress.finish_one(); }));
  return maps;
}

/// The most severe receipt of each name over all traces.
void add_trace_receipts(Dataset& dataset, const std::vector<Recall>& recalls) {
  if (recalls.empty()) return;
  std::vector<Receipt> worst = recalls.front().receipts;
  for (const Recall& recall : recalls)
    for (std::size_t i = 0; i < worst.size(); ++i)
      if (is_worse(recall.receipts[i], worst[i])) worst[i] = recall.receipts[i];
  dataset.receipts.insert(dataset.receipts.end(), worst.begin(), worst.end());
}

void add_receipts(Dataset& dataset, const Model& model, const FactsPlan& plan,
                  const Answers& answers) {
  dataset.receipts.push_back(chain_equals_one_forward(model, plan.prompts, answers.scores));
  dataset.receipts.push_back(log_probabilities_are_not_positive(model, answers.scores));
  dataset.receipts.push_back(make_receipt(
      "every_fact_has_a_neutral_subject", static_cast<double>(facts_without_neutral(plan)), 0,
      "facts whose neutral prompts all have the tokens of their own prompt"));
  add_trace_receipts(dataset, answers.recalls);
  double worst = 0;
  for (const MapResult& map : answers.maps) worst = worst_of(worst, map.single_row_error);
  if (!answers.maps.empty())
    dataset.receipts.push_back(make_receipt(
        "jacobian_rows_alone_are_equal", worst, 10 * rounding_tolerance(model),
        "three rows of the first training subject of each relation, alone and in a batch; "
        "relative to the largest entry; order of rounding through all blocks"));
}

}  // namespace

void FactsTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.masked_language_model || !spec.attention.causal)
    throw UsageError("facts: '" + spec.family +
                     "' predicts masked tokens, not the next one, so an object after a prompt has "
                     "no probability here; use a causal language model");
  if (spec.n_layers < 1) throw UsageError("facts: the model has 0 blocks; expected at least one");
}

void FactsTool::check_parameters(const Parameters& parameters) const {
  const FactsOptions options = options_of(parameters);
  check_options(model(), options);
  check_map(make_plan(model(), facts_of(parameters), options), options);
}

CostEstimate FactsTool::estimate(const Request& request) const {
  const FactsOptions options = options_of(request.parameters());
  check_options(model(), options);
  return cost_of(model(), make_plan(model(), facts_of(request.parameters()), options), options);
}

Dataset FactsTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  const std::string key = key_of(parameters);
  if (last_ && last_key_ == key) return *last_;
  const FactsOptions options = options_of(parameters);
  check_options(model(), options);
  Dataset dataset = answer(make_plan(model(), facts_of(parameters), options), options);
  for (const char* name : {"subject", "object"}) dataset.attributes[name] = parameters.text(name);
  for (const char* name : {"candidates", "neutral"})
    dataset.attributes[name] = parameters.list(name);
  dataset.attributes["facts"] = std::string();  // one fact was given
  context().record_file(dataset, "facts", parameters.text("facts"));
  last_key_ = key;
  last_ = dataset;
  return dataset;
}

/// The file may change between two requests of the same name.
std::string FactsTool::key_of(const Parameters& parameters) const {
  std::string key;
  for (const auto& [name, value] : parameters.values()) key += name + '=' + value + '\0';
  const std::string& file = parameters.text("facts");
  return file.empty() ? key : key + context().file_digest(file);
}

Dataset FactsTool::ask(const std::vector<Fact>& facts, const FactsOptions& options) {
  check_options(model(), options);
  return answer(make_plan(model(), named(facts), options), options);
}

std::vector<Fact> FactsTool::read(const std::string& file) const {
  std::vector<Fact> facts;
  for (NamedFact& named : facts_of_file(file)) facts.push_back(std::move(named.fact));
  return facts;
}

Dataset FactsTool::answer(const FactsPlan& plan, const FactsOptions& options) {
  check_map(plan, options);
  Progress progress(context(), work_items(plan, options));
  Answers answers;
  answers.scores = score_prompts(model(), plan, options, progress);
  answers.measures.reserve(plan.facts.size());
  for (const PlannedFact& fact : plan.facts)
    answers.measures.push_back(measure(fact, answers.scores, options));
  answers.recalls = trace_facts(context(), plan, options, progress);
  answers.maps = measure_maps(context(), plan, options, progress);
  Dataset dataset = result_of(context(), plan, answers, options);
  add_receipts(dataset, model(), plan, answers);
  return dataset;
}

}  // namespace lensbench::facts
