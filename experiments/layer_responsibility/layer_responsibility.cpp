// Responsibility of layers for the answer: the contribution of each layer to the target logit,
// compared with the logit lost when the layer is ablated, over all prompts.

#include <ATen/ops/tensor.h>

#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace lensbench;
using statistics::values_of;

/// Values of a variable [..., token] at the last token. A copy, since a view would keep the values
/// of all tokens in memory.
at::Tensor at_last_token(const Variable& variable) {
  return variable.tensor.select(-1, -1).clone();
}

class LayerResponsibility final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"target", ParameterType::token, "model", "",
       "token whose logit is explained; a case's own field `target` wins", "model|next"},
      {"versus", ParameterType::token, "", "",
       "explain the difference to this token's logit; a case's own field `versus` wins",
       "model|next"},
      {"ablation", ParameterType::choices, "zero,mean_of_prompt", "",
       "replacements of each output; mean needs several prompts or a reference",
       "zero|mean|mean_of_prompt"},
      {"reference", ParameterType::file, "", "",
       "prompts that mean averages over, one in each line or JSONL (default: all cases)"},
  };

  void run(Case& c) override {
    LayerAttributionOptions options;
    // A field of the case has priority: prompts of one file may have different alternatives.
    const std::string versus = c.field("versus").value_or(c.parameters().text("versus"));
    if (!versus.empty() && versus != "none") options.versus = parse_target(c.model(), versus);
    options.ablation = c.parameters().list("ablation");
    options.reference = c.parameters().text("reference");
    c.save("attribution", attribution_->to_logit(c.tokens(), c.target(), options));
  }

  // Statistics over cases at their last token, the only position that prompts of different lengths
  // have in common.
  void finish(Summary& summary) override {
    // Each case is read once, and only its values at the last token are kept.
    std::optional<Dataset> read;
    Rows rows;
    summary.for_each("attribution", [&](std::int64_t, const Dataset& attribution) {
      if (!read) read = attribution;
      for (const char* name : {"logit_contribution", "layer_contribution", "ablation_effect"})
        if (attribution.contains(name)) rows[name].push_back(at_last_token(attribution[name]));
    });
    if (!read) return;
    const Dataset& first = *read;
    Dataset responsibility;
    // Axes are equal for all cases, because they follow from the model and the parameters.
    for (const char* axis : {"component", "layer", "ablation"})
      if (first.contains(axis)) responsibility.add(first[axis]);
    for (const char* name : {"logit_contribution", "layer_contribution", "ablation_effect"})
      if (first.contains(name)) add_statistics(responsibility, first[name], rows[name]);
    if (first.contains("ablation_effect")) add_agreement(responsibility);
    responsibility.attributes["cases"] = static_cast<std::int64_t>(summary.cases().size());
    responsibility.attributes["position"] = "last";
    summary.save("responsibility", std::move(responsibility));
  }

 private:
  using Rows = std::map<std::string, std::vector<at::Tensor>>;

  // Mean and standard error, intervals and tests of one variable over the cases.
  static void add_statistics(Dataset& out, const Variable& variable,
                             const std::vector<at::Tensor>& cases) {
    std::vector<std::string> dims = variable.dims;
    dims.pop_back();  // token
    statistics::add_over_cases(out, variable, dims, cases);
    statistics::add_intervals(out, variable, dims, cases);
    statistics::add_tests_against_zero(out, variable, dims, cases);
  }

  /// Correlation of the mean contribution of components with the mean logit lost to their ablation.
  static void add_agreement(Dataset& out) {
    const at::Tensor effect = out["ablation_effect_mean"].tensor;  // [ablation, component]
    std::vector<double> pearson, spearman;
    for (std::int64_t kind = 0; kind < effect.size(0); ++kind) {
      std::vector<double> direct, lost;
      const auto contributions = values_of(out["logit_contribution_mean"].tensor);
      const auto effects = values_of(effect[kind]);
      for (std::size_t c = 0; c < effects.size(); ++c) {
        if (effects[c] != effects[c]) continue;  // NaN: embeddings and biases are not ablated
        direct.push_back(contributions[c]);
        // Effects are changes of the logit: a loss is their negative, so that agreement is a
        // positive correlation.
        lost.push_back(-effects[c]);
      }
      pearson.push_back(statistics::pearson(direct, lost));
      spearman.push_back(statistics::spearman(direct, lost));
    }
    out.add("pearson", {"ablation"}, at::tensor(pearson, at::kDouble), "1",
            "correlation of mean contribution and mean logit lost (NaN: one of them is constant)");
    out.add(
        "spearman", {"ablation"}, at::tensor(spearman, at::kDouble), "1",
        "rank correlation of mean contribution and mean logit lost (NaN: one of them is constant)");
  }

  Uses<LayerAttribution> attribution_{this, "layer_attribution"};
};

}  // namespace

LENSBENCH_EXPERIMENT(LayerResponsibility, "layer_responsibility", "1.0.0",
                     "Which layers wrote the answer, and does ablation agree?");
