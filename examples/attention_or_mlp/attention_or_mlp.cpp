// Experiment that asks whether attention or MLPs write the answer. Two tools analyse each prompt,
// and the summary compares the two kinds of sublayers over prompts.

#include <ATen/ATen.h>

#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/logit_lens.hpp>

using namespace lensbench;

namespace {

double at_last_token(const Variable& variable) {
  return variable.tensor.select(-1, -1).to(at::kDouble).item<double>();
}

/// Sum of the contributions of all components of one kind (`attn_out`, `mlp_out`) to the logit of
/// the last token's target.
double sum_of(const Dataset& attribution, const std::string& kind) {
  const auto& names = attribution["component"].strings;
  const auto last = statistics::values_of(
      attribution["logit_contribution"].tensor.select(-1, -1));  // [component]
  double sum = 0;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].ends_with("_" + kind)) sum += last[i];
  return sum;
}

Variable number(const std::string& name, double value, const std::string& long_name) {
  return {.name = name,
          .dims = {},
          .tensor = at::scalar_tensor(value, at::kDouble),
          .long_name = long_name};
}

class AttentionOrMlp final : public Experiment {
  Uses<LogitLens> lens{this, "logit_lens"};
  Uses<LayerAttribution> attribution{this, "layer_attribution"};

 public:
  static constexpr ParameterSpec kParameters[] = {
      {"samples", ParameterType::integer, "10000", "1",
       "number of resamples for interval and test"},
  };

  void run(Case& c) override {
    LogitLensOptions own;
    own.target = Target::model();
    const Dataset lens_result = lens->analyze(c.tokens(), own);
    LayerAttributionOptions plain;
    plain.heads = false;
    plain.ablation = {};
    const Dataset contributions = attribution->to_logit(c.tokens(), Target::model(), plain);

    Dataset answer;
    answer.add(number("attention", sum_of(contributions, "attn_out"), "logit written by attention"))
        .add(number("mlp", sum_of(contributions, "mlp_out"), "logit written by MLPs"))
        .add(number("settled_layer", at_last_token(lens_result["settled_layer"]),
                    "first layer from which the answer stays first"));
    answer.receipts = contributions.receipts;
    c.save("answer", std::move(answer));
  }

  void finish(Summary& summary) override {
    std::vector<double> attention, mlp, difference, depth;
    for (const auto number : summary.cases()) {
      const Dataset answer = summary.dataset(number, "answer");
      attention.push_back(answer["attention"].tensor.item<double>());
      mlp.push_back(answer["mlp"].tensor.item<double>());
      difference.push_back(mlp.back() - attention.back());
      depth.push_back(answer["settled_layer"].tensor.item<double>());
    }
    const statistics::Resampling resampling{.samples = summary.parameters().integer("samples")};
    const auto interval = statistics::bootstrap_mean(difference, resampling);
    const auto test = statistics::paired_permutation_test(mlp, attention, resampling);

    Dataset result;
    result.add(number("difference", interval.estimate, "mean of MLP minus attention, in logits"))
        .add(number("difference_low", interval.low,
                    "lower bound of its 95 % interval (NaN: too few prompts)"))
        .add(number("difference_high", interval.high,
                    "upper bound of its 95 % interval (NaN: too few prompts)"))
        .add(number("p", test.p, "paired permutation test, two-sided (NaN: too few prompts)"))
        .add(number("effect_size", test.effect_size,
                    "Cohen's d_z of the difference (NaN: too few prompts)"))
        .add(number(
            "depth_correlation", statistics::spearman(depth, difference),
            "Spearman's correlation of the difference with settled_layer (NaN: nothing varies)"));
    result.attributes["cases"] = static_cast<std::int64_t>(difference.size());
    result.attributes["samples"] = resampling.samples;
    result.attributes["seed"] = static_cast<std::int64_t>(resampling.seed);
    summary.save("comparison", std::move(result));
  }
};

}  // namespace

LENSBENCH_EXPERIMENT(AttentionOrMlp, "attention_or_mlp", "1.0.0",
                     "Which kind of sublayer writes the answer, attention or MLP?");
