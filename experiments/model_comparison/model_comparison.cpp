// Comparison of two checkpoints with one vocabulary, such as two steps of one training run, on the
// same texts: distance of their predictions, the first position where their choices differ, and
// for two of one shape which component moved and what it changed.

#include <ATen/ops/tensor.h>

#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/token_analyzer.hpp>

#include "common/target.hpp"
#include "component_shift.hpp"
#include "shift_over_cases.hpp"

namespace model_comparison {
namespace {

using namespace lensbench;

/// Attribute `components` of a comparison with a component shift.
const std::string kCompared = "compared";

}  // namespace

class ModelComparison final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"other", ParameterType::model, nullptr, "", "the other model"},
      {"top_k", ParameterType::integer, "10", "tokens", "candidates listed for each model",
       "[0, inf)"},
      {"components", ParameterType::choice, "auto", "",
       "compare the outputs of components; auto: where both models are of one shape",
       "auto|yes|no"},
      {"target", ParameterType::token, "model", "",
       "token whose logit is explained; model is the choice of the model of the run after the "
       "prompt; a case's own field `target` wins",
       "model"},
  };

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    const Settings& given = parameters.values();
    analyzer_->check_parameters(
        analyzer_->parameters({{"versus_model", given.at("other")}, {"top_k", given.at("top_k")}}));
    open(parameters, model);
    if (const std::string reason = no_component_shift(model, *other_);
        parameters.text("components") == "yes" && !reason.empty())
      throw UsageError("model_comparison: components of '" + parameters.text("other") +
                       "' cannot be compared with those of '" + model.directory().string() +
                       "': " + reason + "; set components=auto or give a model of the same shape");
  }

  void run(Case& c) override {
    open(c.parameters(), c.model());
    Dataset comparison = analyzer_->compare(c.tokens(), *other_, c.parameters().integer("top_k"));
    const std::string reason = c.parameters().text("components") == "no"
                                   ? "components=no"
                                   : no_component_shift(c.model(), *other_);
    comparison.attributes["components"] = reason.empty() ? kCompared : "not compared: " + reason;
    c.save("comparison", std::move(comparison));
    if (reason.empty())
      c.save("component_shift",
             component_shift(c.model(), *other_, c.tokens(), common::token_after(c)));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    std::vector<Dataset> comparisons;
    summary.for_each("comparison", [&](auto, const Dataset& one) { comparisons.push_back(one); });
    Dataset table;
    table.add_coordinate("case", at::tensor(summary.cases(), at::kLong).to(at::kInt));
    // Scalars that `compare` computes for each text.
    for (const char* name : {"mean_kl", "mean_js_divergence", "top_agreement", "first_parting",
                             "perplexity", "perplexity_in_other"})
      table.add(per_case(comparisons, name));
    add_test(table);
    // Only the name, since the path does not change the result.
    table.attributes["other"] =
        std::filesystem::path(summary.parameters().text("other")).filename().string();
    summary.save("summary", std::move(table));
    if (comparisons.front().attributes.at("components") != Attribute(kCompared)) return;
    std::vector<Dataset> shifts;
    summary.for_each("component_shift", [&](auto, const Dataset& one) { shifts.push_back(one); });
    summary.save("shift", shift_over_cases(shifts, summary.seed()));
  }

 private:
  /// Opens the other model once, in the dtype and on the device of the model of the run.
  void open(const Parameters& parameters, const Model& model) {
    if (other_ == nullptr) other_ = Model::open(parameters.text("other"), model.options());
  }

  /// Paired test of the mean surprisal of the texts under the two models: the logarithm of the
  /// perplexity is the mean surprisal, and each text is its own control.
  static void add_test(Dataset& table) {
    const Variable like{.name = "log_perplexity",
                        .units = "nats",
                        .long_name = "mean surprisal of a text, this model against the other"};
    const auto logs = [&](const char* name) { return table[name].tensor.log().unbind(0); };
    statistics::add_comparison(table, like, {}, logs("perplexity"), logs("perplexity_in_other"),
                               statistics::Comparison::paired_permutation);
  }

  /// A scalar of each comparison as one variable over cases.
  static Variable per_case(const std::vector<Dataset>& comparisons, const std::string& name) {
    std::vector<double> values;
    values.reserve(comparisons.size());
    for (const Dataset& comparison : comparisons)
      values.push_back(comparison[name].tensor.item<double>());
    // Unit and description stay those of the tool.
    Variable column = comparisons.front()[name];
    column.dims = {"case"};
    column.tensor = at::tensor(values, at::kDouble);
    return column;
  }

  Uses<TokenAnalyzer> analyzer_{this, "token_analyzer"};
  std::shared_ptr<const Model> other_;
};

}  // namespace model_comparison

using model_comparison::ModelComparison;

LENSBENCH_EXPERIMENT(ModelComparison, "model_comparison", "1.2.0",
                     "Where do the predictions of two checkpoints differ on the same text?");
