// Which component is responsible for an answer, asked of six methods in one unit and on one grid:
// where they agree, and what it means where they contradict each other.

#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/activation_patching.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "answers.hpp"
#include "common/results.hpp"
#include "comparisons.hpp"
#include "methods.hpp"
#include "over_cases.hpp"

namespace agreement {
namespace {

using namespace lensbench;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

MetricOptions question_of(const Case& c) {
  MetricOptions metric;
  // A field of the case has priority: prompts of one file may have different alternatives.
  const std::string versus = c.field("versus").value_or(c.parameters().text("versus"));
  if (!versus.empty() && versus != "none") metric.versus = parse_target(c.model(), versus);
  metric.metric = metric.versus ? Metric::logit_difference : Metric::logit;
  metric.position = c.parameters().integer("position");
  return metric;
}

/// The question with its tokens fixed, so that all methods are asked the same.
struct FixedQuestion {
  explicit FixedQuestion(const MetricReader& reader) : target(Target::token(reader.target())) {
    metric.metric = reader.metric();
    metric.position = reader.position();
    if (reader.versus()) metric.versus = Target::token(*reader.versus());
  }
  Target target;
  MetricOptions metric;
};

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

double scalar_of(const Dataset& dataset, const char* name) {
  return dataset[name].tensor.item<double>();
}

void add_values(Dataset& result, const Answers& answers, const at::Tensor& values,
                const MetricReader& reader) {
  result.add("value", {"method", "component"}, values, reader.units(),
             "part of the component in the gap, as the method says (NaN: the lens of a model whose "
             "attention and MLP run in parallel)");
  result.set_attribute("value", "view", std::string("heatmap"));
  const at::Tensor by_token = values_by_token(answers);
  result.add("value_by_token", {"method", "component", "token"}, by_token, reader.units(),
             "the same for one position alone (NaN: the method does not have positions)");
  result.add("patching_at_position", {"component"},
             by_token[kPatching].select(1, reader.position()).clone(), reader.units(),
             "part of the component at the metric's own position in the gap, by patching");
  std::vector<double> ranks;
  for (std::int64_t method = 0; method < kMethodCount; ++method) {
    const auto row = ranks_by_size(statistics::values_of(values[method]));
    ranks.insert(ranks.end(), row.begin(), row.end());
  }
  common::add_numbers(result,
                      {"rank",
                       {"method", "component"},
                       "1",
                       "1 + number of components with a value of larger size (NaN: without value)"},
                      ranks, {kMethodCount, values.size(1)});
}

void add_comparison(Dataset& result, const Comparison& comparison) {
  const std::vector<std::string> dims = {"method", "other_method"};
  result.add("spearman", dims, comparison.spearman, "1",
             "rank correlation of the values of two methods over components (NaN: a method lacks "
             "values, or all are equal)");
  result.add("sign_agreement", dims, comparison.sign_agreement, "1",
             "share of components with the same sign, of those above 2 % of the gap in both "
             "methods (NaN: there are none, or the gap is below min_gap)");
  result.add("top_overlap", dims, comparison.top_overlap, "1",
             "Jaccard index of the five components of largest size (NaN: a method lacks values, or "
             "the model does not have more components)");
  result.add("permuted_spearman", dims, comparison.permuted_spearman, "1",
             "control: the rank correlation where the other method's components are in random "
             "order (NaN: a method lacks values, or all are equal)");
}

void add_axes(Dataset& result, const TransformerSpec& spec) {
  const std::vector<std::string> methods(kMethods.begin(), kMethods.end());
  result.add_coordinate("method", methods, "way to find the part of a component");
  result.add_coordinate("other_method", methods, "method that is compared with");
  result.add_coordinate("component", component_names(spec), "output of attention or MLP");
}

}  // namespace

class Agreement final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      {"target", ParameterType::token, "model", "",
       "token whose logit is asked about; a case's own field `target` wins", "model|next"},
      {"versus", ParameterType::token, "", "",
       "token whose logit is subtracted; a case's own field `versus` wins", "model|next"},
      metric_parameters::kPosition,
      metric_parameters::kMinGap,
      {"ablation", ParameterType::choice, "mean", "",
       "what ablation puts in place of an output: its mean over reference prompts, its mean over "
       "the prompt's own tokens, or zero",
       "mean|mean_of_prompt|zero"},
      {"reference", ParameterType::file, "", "",
       "prompts that mean averages over, one in each line or JSONL (default: all cases)"},
  };

  void check_parameters(const Parameters& parameters, const Model&) override {
    const std::string &ablation = parameters.text("ablation"),
                      &reference = parameters.text("reference");
    if (ablation == "mean") return check_mean(reference);
    if (!reference.empty())
      throw UsageError("agreement: reference is '" + reference +
                       "', but only ablation=mean uses it; leave out reference");
  }

  void run(Case& c) override {
    const PairedRuns pair("agreement", c.tokens(), c.corrupted(), Direction::denoise);
    Answers answers;
    answers.clean = read_run(c.model(), pair.clean());
    answers.corrupted = read_run(c.model(), pair.corrupted());
    const MetricReader reader("agreement", c.model(), pair.clean(), answers.clean.residual,
                              c.target(), question_of(c));
    ask_tools(c, pair, reader, answers);
    answers.first_order =
        first_order(c.model(), pair.corrupted(), answers.clean, answers.corrupted, reader);
    c.save("methods", result_of(c, pair, reader, answers));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    summary.save("agreement", table_of(summary));
  }

 private:
  /// The tool counts the prompts. Its message names parameters that are called otherwise here.
  void check_mean(const std::string& reference) {
    const Parameters asked = patching_->parameters({{"source", "mean"},
                                                    {"reference", reference},
                                                    {"points", "attn_out,mlp_out"},
                                                    {"head_points", "none"}});
    try {
      patching_->check_parameters(asked);
    } catch (const UsageError&) {
      throw UsageError("agreement: ablation=mean is a mean over at least 2 prompts, and " +
                       (reference.empty() ? std::string("this run") : "'" + reference + "'") +
                       " has fewer; give more pairs of prompts, a file of prompts with reference, "
                       "or ablation=mean_of_prompt");
    }
  }

  void ask_tools(const Case& c, const PairedRuns& pair, const MetricReader& reader,
                 Answers& answers) {
    const FixedQuestion question(reader);
    LayerAttributionOptions direct;
    direct.versus = question.metric.versus;
    direct.position = question.metric.position;
    direct.heads = false;
    direct.ablation = {};
    answers.direct = attribution_->to_logit(pair.clean(), question.target, direct);
    answers.corrupted_direct = attribution_->to_logit(pair.corrupted(), question.target, direct);

    ActivationPatchingOptions patching;
    patching.metric = question.metric;
    patching.points = {"attn_out", "mlp_out"};
    patching.head_points = {};
    patching.min_gap = c.parameters().number("min_gap");
    answers.patched_by_token =
        patching_->patch(pair.clean(), pair.corrupted(), question.target, patching);
    patching.by_position = false;
    answers.patched = patching_->patch(pair.clean(), pair.corrupted(), question.target, patching);
    patching.reference = c.parameters().text("reference");
    answers.ablated =
        patching_->ablate(pair.clean(), c.parameters().text("ablation"), question.target, patching);
  }

  static Dataset result_of(const Case& c, const PairedRuns& pair, const MetricReader& reader,
                           const Answers& answers) {
    Dataset result;
    pair.describe(result);
    add_axes(result, c.model().spec());
    const at::Tensor values = values_of(answers, reader);
    const double gap = scalar_of(answers.patched, "gap"),
                 min_gap = c.parameters().number("min_gap");
    add_values(result, answers, values, reader);
    add_comparison(result,
                   compare(values, std::abs(gap) < min_gap ? kMissing : gap, c.seed(), c.index()));
    add_scalar(result, "clean_metric", scalar_of(answers.patched, "source_metric"), reader.units(),
               "metric of the clean run");
    add_scalar(result, "corrupted_metric", scalar_of(answers.patched, "base_metric"),
               reader.units(), "metric of the corrupted run");
    add_scalar(result, "gap", gap, reader.units(), "clean_metric minus corrupted_metric");
    const at::ScalarType dtype = c.model().options().dtype;
    add_receipts(result, answers, reader, values, dtype == at::kHalf || dtype == at::kBFloat16);
    reader.describe(result);
    result.attributes["sign"] =
        std::string("positive: the component raises the metric of the clean run");
    result.attributes["ablation"] = c.parameters().text("ablation");
    result.attributes["min_gap"] = min_gap;
    Provenance{.definition = "agreement/1", .rule = "midpoint", .samples = kSteps}.describe(result);
    return result;
  }

  Uses<LayerAttribution> attribution_{this, "layer_attribution"};
  Uses<ActivationPatching> patching_{this, "activation_patching"};
};

}  // namespace agreement

using agreement::Agreement;

LENSBENCH_EXPERIMENT(Agreement, "agreement", "1.0.0",
                     "Which component is responsible for the answer, and do six methods agree?");
