// Recall of facts: causal tracing of every fact that the model knows, with noise and with another
// subject, averaged over facts by the place of the token, next to the layer at which the lens
// settles.

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tools/causal_tracing.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <limits>

#include "common/read_once.hpp"
#include "effects.hpp"
#include "facts.hpp"
#include "recall.hpp"

namespace factual_recall_tracing {
namespace {

using namespace lensbench;

/// Blocks that are restored together: a fifth of them if it is not set, as the 10 of 48 of Meng et
/// al.
std::int64_t window_of(const Parameters& given, const TransformerSpec& spec) {
  const std::int64_t window = given.integer("window");
  return window > 0 ? window : std::max<std::int64_t>(1, spec.n_layers / 5);
}

CausalTracingOptions options_of(const Parameters& given, const TransformerSpec& spec) {
  CausalTracingOptions options;
  options.noise = given.number("noise");
  options.noise_from = given.text("noise_from");
  options.samples = given.integer("samples");
  options.kinds = given.list("kinds");
  options.window = window_of(given, spec);
  return options;
}

std::vector<std::string> corruptions_of(const Parameters& given) {
  return given.list("corruptions");
}

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

class FactualRecallTracing final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"corruptions", ParameterType::choices, "noise,replace", "",
       "ways to corrupt the subject: noise on its embeddings, or the subject of the field "
       "replacement",
       "+noise|replace"},
      {"kinds", ParameterType::choices, "state,attn,mlp", "",
       "restored activations: the stream after a block, the outputs of attention, of the MLP",
       "+state|attn|mlp"},
      {"window", ParameterType::integer, "0", "blocks",
       "blocks that attn and mlp restore together; 0: a fifth of the blocks, at least 1",
       "[0, inf)"},
      {"noise", ParameterType::number, "3.0", "standard deviations",
       "size of the noise, in standard deviations of the embedding", "[0, inf)"},
      {"noise_from", ParameterType::choice, "vocabulary", "",
       "embeddings whose entries give the standard deviation", "vocabulary|subject|prompt"},
      {"samples", ParameterType::integer, "10", "1", "noises of each fact", "[1, inf)"},
  };

  // The first pass checks every fact and asks whether the model knows it; the second one traces.
  std::int64_t passes(const Parameters&) const override { return 2; }

  void check_parameters(const Parameters&, const Model& model) override {
    if (model.spec().masked_language_model)
      throw UsageError(
          "factual_recall_tracing: the model predicts masked tokens, not the next one; give a "
          "causal model");
  }

  void run(Case& c) override {
    const Fact fact = fact_of(c, has(corruptions_of(c.parameters()), "replace"));
    if (c.pass() == 0)
      ask(c, fact);
    else if (c.earlier().dataset(c.index(), "facts")["known"].tensor.item<std::int64_t>() == 1)
      trace(c, fact);
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    Dataset table;
    // The traces are larger: they are read one after the other.
    const common::ReadOnce facts(summary);
    const auto known = known_facts(facts);
    add_known(table, facts);
    if (known.empty())
      add_no_finding(table, summary.cases().size());
    else
      add_traces(table, summary, known);
    table.attributes["facts"] = static_cast<std::int64_t>(summary.cases().size());
    table.attributes["traced_facts"] = static_cast<std::int64_t>(known.size());
    summary.save("recall", std::move(table));
  }

 private:
  /// Adds what the traces of the known facts show; each corruption gets a dataset of its own.
  static void add_traces(Dataset& table, Summary& summary, const std::vector<std::int64_t>& known) {
    const Traces traces = traces_of(summary, known);
    const statistics::Resampling resampling{.seed = summary.seed()};
    const auto found = statistics::bootstrap(
        known.size(), [&](const auto& drawn) { return means_of(traces.numbers, drawn); },
        resampling);
    add_findings(table, summary.cases().size(), traces, found);
    add_totals(table, traces, found, resampling);
    for (std::int64_t corruption = 0; corruption < traces.n_corruptions(); ++corruption)
      summary.save("recall_" + traces.corruptions[static_cast<std::size_t>(corruption)],
                   effects_of(traces, corruption, found, resampling));
  }

  /// Reads what the model itself predicts, layer by layer.
  void ask(Case& c, const Fact& fact) {
    LogitLensOptions options;
    options.top_k = 1;
    options.target = Target::token(fact.object);
    const Dataset lens = lens_->analyze(fact.tokens, options);
    const auto at_end = [&](const char* name) { return lens[name].tensor.select(1, -1); };
    const at::Tensor rank = at_end("target_rank");
    const auto first_choice = at_end("top_id")[-1][0].item<std::int64_t>();
    const auto settled = lens["settled_layer"].tensor[-1].item<std::int64_t>();
    Dataset result;
    add_layer_axis(result, c.model().spec().n_layers);
    result.add("known", {}, at::scalar_tensor(first_choice == fact.object ? 1 : 0, at::kInt), "1",
               "1: the object is the model's first choice; only such facts are traced");
    result.add("object_id", {}, at::scalar_tensor(fact.object, at::kLong), "1",
               "token of the object", Holds::token_ids);
    result.add("first_choice_id", {}, at::scalar_tensor(first_choice, at::kLong), "1",
               "the model's first choice", Holds::token_ids);
    result.add("object_probability", {}, at_end("target_probability")[-1].to(at::kDouble), "1",
               "probability of the object");
    result.add("object_rank", {"layer"}, rank, "1",
               "1 + number of tokens that the lens puts before the object");
    result.add(
        "settled_layer", {},
        at::scalar_tensor(settled < 0 ? kNotThere : static_cast<double>(settled), at::kDouble), "1",
        "first layer from which on the lens puts the model's first choice first (NaN: none)");
    result.receipts = lens.receipts;
    c.save("facts", std::move(result));
  }

  void trace(Case& c, const Fact& fact) {
    const auto options = options_of(c.parameters(), c.model().spec());
    for (const std::string& corruption : corruptions_of(c.parameters())) {
      const Target object = Target::token(fact.object);
      Dataset result = corruption == "noise"
                           ? causal_->trace(fact.tokens, fact.subject, object, options)
                           : causal_->trace_replaced(fact.tokens, fact.replaced, object, options);
      result.add({.name = "role",
                  .dims = {"token"},
                  .strings = fact.token_roles,
                  .long_name = "place of the token in the fact",
                  .coordinate = true});
      c.save(corruption, std::move(result));
    }
  }

  Uses<LogitLens> lens_{this, "logit_lens"};
  Uses<CausalTracing> causal_{this, "causal_tracing"};
};

}  // namespace factual_recall_tracing

using factual_recall_tracing::FactualRecallTracing;

LENSBENCH_EXPERIMENT(FactualRecallTracing, "factual_recall_tracing", "1.0.0",
                     "Where does the model recall a fact: at which token, in which block?");
