#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <limits>
#include <string>

namespace lensbench::inputs {
namespace {

void add_scalar(Dataset& dataset, const char* name, double value, const char* units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

}  // namespace

at::Tensor up_to_position(const at::Tensor& values, const TransformerSpec& spec,
                          std::int64_t position) {
  at::Tensor result = values.to(at::kDouble).clone();
  const std::int64_t after = result.size(-1) - position - 1;
  if (spec.attention.causal && after > 0)
    result.narrow(-1, position + 1, after).fill_(std::numeric_limits<double>::quiet_NaN());
  return result;
}

void add_values(Dataset& dataset, const Question& q, const Attributions& found) {
  add_token_axis(dataset, q.tokens.ids, q.tokens.texts);
  dataset.add_coordinate("method", q.options.methods, "method of attribution");
  dataset.add("attribution", {"method", "token"}, found.attributions, q.reader.units(),
              "part of the metric that comes from this token (NaN: after the metric's position)");
  dataset.add("saliency", {"token"},
              up_to_position(q.gradient.to(at::kDouble).norm(2, -1), q.context.model().spec(),
                             q.reader.position()),
              q.reader.units(),
              "length of the gradient of the metric by this token's input (NaN: after the metric's "
              "position)");
  dataset.add("completeness_gap", {"method"}, at::tensor(found.gaps, at::kDouble), q.reader.units(),
              "sum of the attributions minus the difference of input_metric and baseline_metric "
              "(NaN: the method does not promise it)");
  add_scalar(dataset, "input_metric", found.of_input, q.reader.units(), "metric of the prompt");
  add_scalar(dataset, "baseline_metric", found.of_baseline, q.reader.units(),
             "metric of the baseline");
  if (!found.jumps) return;
  add_scalar(dataset, "routing_jumps", found.jumps->sum, q.reader.units(),
             "sum of the metric's jumps where the experts change along the path of integrated "
             "gradients: no token has a part of them");
  add_scalar(dataset, "routing_changes", static_cast<double>(found.jumps->intervals), "1",
             "pairs of neighbouring steps of the path with different experts");
}

void add_attributes(Dataset& dataset, const MetricReader& reader,
                    const InputAttributionOptions& options) {
  reader.describe(dataset);
  dataset.attributes["methods"] = options.methods;
  dataset.attributes["rule"] = options.rule;
  dataset.attributes["steps"] = options.steps;
  dataset.attributes["baseline"] = options.baseline;
  dataset.attributes["baseline_token"] = options.baseline_token;
  dataset.attributes["window"] = options.window;
  dataset.attributes["layer"] = options.layer;
  dataset.attributes["contrast"] = options.contrast ? options.contrast->text : "none";
  dataset.attributes["completeness_tolerance"] = options.completeness_tolerance;
  dataset.attributes["graph_bytes"] = options.graph_bytes;
  dataset.attributes["base_run"] = "the prompt";
  dataset.attributes["source_run"] = "baseline " + options.baseline;
  dataset.attributes["sign"] = "attributions sum to m(prompt) - m(baseline)";
  Provenance{.definition = "input_attribution/1", .rule = options.rule}.describe(dataset);
}

}  // namespace lensbench::inputs
