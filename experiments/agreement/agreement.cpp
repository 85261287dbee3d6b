// Which component is responsible for an answer, asked of six methods in one unit and on one grid:
// where they agree, and what it means where they contradict each other.

#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/activation_patching.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/results.hpp"
#include "comparisons.hpp"
#include "methods.hpp"
#include "over_cases.hpp"

namespace agreement {
namespace {

using namespace lensbench;

// Order of rounding in float32 and in half precision.
constexpr double kTolerance = 1e-4, kHalfTolerance = 5e-2;
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

/// Effects of attention and MLP outputs in the order of components, [component] or
/// [component, token].
at::Tensor by_component(const Dataset& dataset) {
  return at::stack({dataset["attn_out_effect"].tensor, dataset["mlp_out_effect"].tensor}, 1)
      .flatten(0, 1);
}

/// Number of the first component of the blocks among those of layer_attribution.
std::int64_t first_of_blocks(const Dataset& attribution) {
  const auto& names = attribution["component"].strings;
  return std::find(names.begin(), names.end(), "0_attn_out") - names.begin();
}

at::Tensor contributions_at(const Dataset& attribution, std::int64_t position) {
  return attribution["logit_contribution"].tensor.select(1, position);
}

/// What the tools and the runs say of one pair of prompts.
struct Answers {
  Dataset direct, corrupted_direct;  ///< layer_attribution
  Dataset ablated;                   ///< activation_patching of the clean run
  Dataset patched;                   ///< of the pair, all positions at once
  Dataset patched_by_token;          ///< of the pair, position by position
  RunValues clean, corrupted;
  FirstOrder first_order;
};

/// What each method says of each component, [method, component] float64.
at::Tensor values_of(const Answers& answers, const MetricReader& reader) {
  const std::int64_t components = answers.clean.outputs.size(0), place = reader.position();
  const at::Tensor direct = contributions_at(answers.direct, place)
                                .sub(contributions_at(answers.corrupted_direct, place));
  std::vector<at::Tensor> values(kMethods.size());
  values[kLens] = lens_steps(answers.clean, reader).sub(lens_steps(answers.corrupted, reader));
  values[kDirect] = direct.narrow(0, first_of_blocks(answers.direct), components);
  values[kAblation] = by_component(answers.ablated).neg();
  values[kPatching] = by_component(answers.patched);
  values[kGradient] = answers.first_order.gradient.sum(1);
  values[kIntegrated] = answers.first_order.integrated.sum(1);
  return at::stack(values);
}

/// The same by position for the methods that have positions, [method, component, token].
at::Tensor values_by_token(const Answers& answers) {
  const at::Tensor patching = by_component(answers.patched_by_token);
  std::vector<at::Tensor> values(kMethods.size(), at::full_like(patching, kMissing));
  values[kPatching] = patching;
  values[kGradient] = answers.first_order.gradient;
  values[kIntegrated] = answers.first_order.integrated;
  return at::stack(values);
}

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

double scalar_of(const Dataset& dataset, const char* name) {
  return dataset[name].tensor.item<double>();
}

/// Metrics of both prompts as the runs themselves give them.
struct Metrics {
  double clean, corrupted;
  double gap() const { return clean - corrupted; }
  /// Difference in units of the gap, of the metrics, or of one logit, whichever is largest: the
  /// difference of two large logits is as exact as the logits are.
  double relative(double a, double b) const {
    return std::abs(a - b) / std::max({std::abs(gap()), std::abs(clean), std::abs(corrupted), 1.0});
  }
};

/// Largest difference between the metrics that the tools read and those of the runs.
double metric_difference(const Answers& answers, const Metrics& metrics, std::int64_t position) {
  const auto logit = [&](const Dataset& attribution) {
    return attribution["target_logit"].tensor[position].item<double>();
  };
  return std::max({metrics.relative(scalar_of(answers.patched, "base_metric"), metrics.corrupted),
                   metrics.relative(scalar_of(answers.patched, "source_metric"), metrics.clean),
                   metrics.relative(scalar_of(answers.ablated, "base_metric"), metrics.clean),
                   metrics.relative(logit(answers.direct), metrics.clean),
                   metrics.relative(logit(answers.corrupted_direct), metrics.corrupted)});
}

/// Number of the settings in which a tool was asked something else.
std::int64_t other_questions(const Answers& answers, const MetricReader& reader) {
  Dataset question;
  reader.describe(question);
  std::int64_t others = 0;
  for (const auto& [name, value] : question.attributes)
    for (const Dataset* one : {&answers.patched, &answers.patched_by_token, &answers.ablated})
      others += one->attributes.at(name) == value ? 0 : 1;
  const auto id_at = [&](const Dataset& attribution, const char* name) {
    return attribution[name].tensor[reader.position()].item<std::int64_t>();
  };
  for (const Dataset* one : {&answers.direct, &answers.corrupted_direct}) {
    others += id_at(*one, "target_id") == reader.target() ? 0 : 1;
    if (reader.versus()) others += id_at(*one, "versus_id") == *reader.versus() ? 0 : 1;
  }
  return others;
}

void add_receipts(Dataset& result, const Answers& answers, const MetricReader& reader,
                  const at::Tensor& values, bool half) {
  const at::Tensor rows = at::stack(
      {answers.clean.residual[reader.position()], answers.corrupted.residual[reader.position()]});
  const auto read = statistics::values_of(reader(rows));
  const Metrics metrics{read[0], read[1]};
  const double gap = scalar_of(result, "gap"), tolerance = half ? kHalfTolerance : kTolerance;
  const char* note = "relative to the gap, the metrics or one logit; order of rounding";
  if (answers.clean.states.defined()) {
    const double start = lens_start(answers.clean, reader) - lens_start(answers.corrupted, reader);
    result.receipts.push_back(make_receipt(
        "lens_steps_sum_to_the_gap",
        metrics.relative(start + values[kLens].sum().item<double>(), gap), tolerance, note));
  }
  const double direct = contributions_at(answers.direct, reader.position())
                            .sub(contributions_at(answers.corrupted_direct, reader.position()))
                            .sum()
                            .item<double>();
  result.receipts.push_back(
      make_receipt("direct_parts_sum_to_the_gap", metrics.relative(direct, gap), tolerance, note));
  result.receipts.push_back(make_receipt("methods_read_the_same_metrics",
                                         metric_difference(answers, metrics, reader.position()),
                                         tolerance, note));
  result.receipts.push_back(make_receipt(
      "methods_are_asked_the_same_question", static_cast<double>(other_questions(answers, reader)),
      0, "settings of target, versus, metric and position that differ"));
  for (const Dataset* one : {&answers.direct, &answers.corrupted_direct, &answers.ablated,
                             &answers.patched, &answers.patched_by_token})
    common::keep_worst(result, one->receipts);
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
    patching_->check_parameters(patching_->parameters(
        {{"source", parameters.text("ablation")}, {"reference", parameters.text("reference")}}));
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
