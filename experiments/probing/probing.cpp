// Whether a property of texts can be read off the residual stream, by how much better than by
// controls, and whether the model itself uses the direction that reads it: one half of the labelled
// texts fits the probe, the other half measures it and is moved along its direction.

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tools/probe.hpp>
#include <lensbench/tools/steering.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "direction.hpp"
#include "labelled.hpp"
#include "steered.hpp"
#include "table.hpp"

namespace probing_experiment {
namespace {

using namespace lensbench;

constexpr double kReceiptTolerance = 1e-4, kHalfReceiptTolerance = 5e-2;

ProbeOptions probe_options(const Parameters& given) {
  ProbeOptions options;
  options.position = given.text("position");
  options.kind = given.text("kind");
  options.folds = given.integer("folds");
  options.lambdas = given.numbers("lambdas");
  options.sparse_k = given.integer("sparse_k");
  options.controls = given.list("controls");
  options.standardize = given.boolean("standardize");
  return options;
}

/// Metric of the last token without any change.
double metric_of(const Case& c) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor stream = c.model().forward(make_batch(c.tokens()), options).residual[0];
  const MetricReader reader("probing", c.model(), c.tokens(), stream, c.target(), question_of(c));
  return reader(stream.narrow(0, reader.position(), 1)).item<double>();
}

const char* metric_units(const Case& c) {
  return units_of(question_of(c).versus ? Metric::logit_difference : Metric::log_probability);
}

void add_label(Dataset& result, const char* name, std::int64_t label, const char* long_name) {
  result.add(name, {}, at::scalar_tensor(label, at::kLong).to(at::kInt), "1", long_name);
}

}  // namespace

class Probing final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"target", ParameterType::token, "", "",
       "token that the label should matter for; without it, directions are not tried; a case's own "
       "field `target` wins"},
      {"versus", ParameterType::token, "", "",
       "token whose logit is subtracted from the target's; a case's own field `versus` wins"},
      {"position", ParameterType::text, "last", "",
       "token that is read and moved: last, first, mean (all), marker (field position of each "
       "case), or an index, negative ones from the end"},
      {"kind", ParameterType::choice, "logistic", "",
       "logistic or ridge regression, the difference of the means, the same by the covariance "
       "within labels, or a logistic regression on few coordinates",
       "logistic|ridge|mean_difference|mass_mean|sparse"},
      {"folds", ParameterType::integer, "5", "1",
       "parts of the fitting half, each of which is held out once", "[2, inf)"},
      {"lambdas", ParameterType::numbers, "0.01,0.1,1,10,100", "1",
       "penalties of logistic, ridge and sparse, of which an inner split chooses one", "+(0, inf)"},
      {"sparse_k", ParameterType::integer, "16", "1", "coordinates of kind=sparse", "[1, inf)"},
      {"controls", ParameterType::choices, "shuffled,random_type,majority,input", "",
       "what the accuracy is compared with: shuffled labels, a random label for each token, the "
       "most frequent label, the token embedding",
       "shuffled|random_type|majority|input"},
      {"standardize", ParameterType::boolean, "true", "",
       "scale each coordinate by mean and deviation of the rows that are fitted"},
      {"steered", ParameterType::integer, "40", "1",
       "most cases of the measuring half that are moved, equally many of each label",
       "[2, 1000000]"},
      {"random_directions", ParameterType::integer, "5", "1",
       "directions of equal length that are compared with", "[1, 1000]"},
      metric_parameters::kMinGap,
  };

  // The first pass checks every case and reads what the model says of it, the second fits the
  // probe, and the third measures it.
  std::int64_t passes(const Parameters&) const override { return 3; }

  void check_parameters(const Parameters& parameters, const Model&) override {
    check_position(parameters.text("position"));
  }

  void run(Case& c) override {
    if (c.pass() == 0)
      read(c);
    else if (c.pass() == 1)
      fit(c);
    else
      measure(c);
  }

  void finish(Summary& summary) override {
    if (!summary.cases().empty()) summary.save("probing", table_of(summary));
  }

 private:
  static void read(Case& c) {
    const ProbeExample example =
        example_of(c.model(), CaseInput{c.id(), {}, c.tokens().ids, fields(c)});
    position_of(example, c.parameters().text("position"));
    Dataset result;
    const bool asked = has_target(c);
    result.add("metric", {},
               at::scalar_tensor(asked ? metric_of(c) : std::numeric_limits<double>::quiet_NaN(),
                                 at::kDouble),
               metric_units(c), "metric of the case (NaN: no target was given)");
    c.save("behaviour", std::move(result));
  }

  /// Fields of a case that this experiment reads.
  static std::map<std::string, std::string> fields(const Case& c) {
    std::map<std::string, std::string> found;
    for (const char* name : {"label", "group", "pair", "position"})
      if (const auto value = c.field(name)) found[name] = *value;
    return found;
  }

  void fit(Case& c) {
    const Summary& earlier = c.earlier();
    const std::vector<std::int64_t> fitting = fitting_cases(earlier);
    // One case of those that have nothing to do in the third pass.
    if (c.index() != fitting.front()) return;
    if (fitting.size() == earlier.cases().size())
      throw UsageError(
          "probing: all cases are of one group, expected at least two; give groups to the cases, "
          "so that one half of them can measure what the other fitted");
    std::vector<ProbeExample> examples;
    examples.reserve(fitting.size());
    for (const std::int64_t number : fitting)
      examples.push_back(example_of(c.model(), earlier.input(number)));
    Dataset result = probe_->fit(examples, probe_options(c.parameters()));
    add_choice(result, c.model(), examples, fitting, c.parameters().text("position"));
    c.save("probe", std::move(result));
  }

  void measure(Case& c) {
    if (!probe_result_) {
      probe_result_ = probe_of(c.earlier());
      measuring_ = measuring_cases(c.earlier(), *probe_result_);
      steered_ = some_of_each_label(c.earlier(), measuring_, c.parameters().integer("steered"));
    }
    if (!std::binary_search(measuring_.begin(), measuring_.end(), c.index())) return;
    const ChosenProbe probe(*probe_result_);
    const ProbeExample example = example_of(c.model(), c.earlier().input(c.index()));
    const auto place = std::find(probe.classes.begin(), probe.classes.end(), example.label);
    const auto label =
        place == probe.classes.end() ? -1 : std::distance(probe.classes.begin(), place);
    const std::int64_t position = position_of(example, c.parameters().text("position"));
    const at::Tensor x = stream_at(c.model(), c.tokens(), probe.layer, position);
    Dataset result;
    add_label(result, "label", label, "number of its label; -1: the fitting half lacks it");
    add_label(result, "predicted", probe.predicted(x), "number of the label that the probe reads");
    if (probe.classes.size() == 2 && label >= 0 && has_target(c) &&
        std::binary_search(steered_.begin(), steered_.end(), c.index()))
      steer(c, result, probe.layer, position, label == 1);
    else
      add_no_effects(result, c.parameters().integer("random_directions"), metric_units(c));
    c.save("measured", std::move(result));
  }

  void steer(const Case& c, Dataset& result, std::int64_t layer, std::int64_t position,
             bool second) {
    const Dataset& probe = *probe_result_;
    const auto point = std::get<std::int64_t>(probe.attributes.at("chosen_point"));
    const at::Tensor direction =
        probe["direction"].tensor[point].to(at::kDouble).mul(probe["label_distance"].tensor);
    const SteeringOptions options = steering_options(c, layer, position);
    const at::Tensor rows = direction.to(at::kFloat);
    const Dataset moved = steering_->steer(c.tokens(), rows, c.target(), moving(options));
    const Dataset removed = steering_->steer(c.tokens(), rows, c.target(), removing(options));
    add_effects(result, moved, removed, second);
    const double before =
        c.earlier().dataset(c.index(), "behaviour")["metric"].tensor.item<double>();
    const double base = result["base_metric"].tensor.item<double>();
    const at::ScalarType dtype = c.model().options().dtype;
    const bool half = dtype == at::kHalf || dtype == at::kBFloat16;
    result.receipts.push_back(
        make_receipt("steered_run_begins_where_the_model_is",
                     std::abs(base - before) / std::max(1.0, std::abs(before)),
                     half ? kHalfReceiptTolerance : kReceiptTolerance,
                     "metric before steering against that of the first pass; order of rounding"));
  }

  Uses<Probe> probe_{this, "probe"};
  Uses<Steering> steering_{this, "steering"};
  // The probe result is that of all measuring cases; the first of them reads it.
  std::optional<Dataset> probe_result_;
  std::vector<std::int64_t> measuring_, steered_;
};

}  // namespace probing_experiment

using probing_experiment::Probing;

LENSBENCH_EXPERIMENT(Probing, "probing", "1.0.0",
                     "Can a property be read off the stream, and does the model use it?");
