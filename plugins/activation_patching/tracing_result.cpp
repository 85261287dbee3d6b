#include "tracing_result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace lensbench::tracing {
namespace {

void add_grid(Dataset& dataset, const Trace& trace) {
  const std::vector<std::string> dims = {"kind", "block", "token"};
  // [sample, kind, block, token]: probability of each restored run.
  const at::Tensor p = trace.restored.select(4, 0);
  // Each sample is compared with the corrupted run of the same noise, so that its effect cancels.
  const at::Tensor effect = p - trace.corrupted.select(1, 0).view({-1, 1, 1, 1});
  const std::int64_t samples = p.size(0);
  dataset.add("indirect_effect", dims, effect.mean(0), "1",
              "probability of the object with this activation restored, minus that of the "
              "corrupted run");
  // The standard deviation divides by n - 1 and is not defined for one sample.
  const at::Tensor deviation =
      samples > 1
          ? effect.sub(effect.mean(0)).square().sum(0).div(static_cast<double>(samples - 1)).sqrt()
          : at::full(effect[0].sizes(), std::numeric_limits<double>::quiet_NaN(), effect.options());
  dataset.add("indirect_effect_se", dims, deviation.div(std::sqrt(static_cast<double>(samples))),
              "1", "standard error of the indirect effect over samples (NaN: one sample)");
  dataset.add("restored_probability", dims, p.mean(0), "1",
              "probability of the object with this activation restored, mean over samples");
  dataset.add("restored_log_probability", dims, trace.restored.select(4, 1).mean(0), "nats",
              "log-probability of the object with this activation restored, mean over samples");
}

}  // namespace

void add_scalar(Dataset& dataset, const char* name, double value, const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), "1", long_name);
}

void add_subject(Dataset& dataset, const at::Tensor& flags, const std::string& long_name) {
  dataset.add({.name = "subject",
               .dims = {"token"},
               .tensor = flags,
               .long_name = long_name,
               .coordinate = true});
}

void add_trace(Dataset& dataset, const Model& model, const Trace& trace,
               const CausalTracingOptions& options) {
  dataset.add_coordinate("kind", options.kinds,
                         "restored activation: the stream after a block, the outputs of attention "
                         "or MLP in a window of blocks");
  dataset.add_coordinate("block", at::arange(model.spec().n_layers, at::kInt),
                         "block, or middle of the window, counted from 0");
  add_grid(dataset, trace);
  // The mean over samples of the corrupted runs without restoration.
  const double corrupted = trace.corrupted.select(1, 0).mean().item<double>();
  add_scalar(dataset, "clean_probability", trace.clean_probability,
             "probability of the object in the clean run");
  add_scalar(dataset, "corrupted_probability", corrupted,
             "probability of the object in the corrupted run, mean over samples");
  add_scalar(dataset, "total_effect", trace.clean_probability - corrupted,
             "clean minus corrupted probability");
  dataset.add("predicted_correctly", {},
              at::scalar_tensor(static_cast<std::int64_t>(trace.predicted), at::kChar), "1",
              "1 if the object is the first choice of the clean run");
  dataset.receipts = trace.receipts;
}

void add_options(Dataset& dataset, const MetricReader& reader, const std::string& corruption,
                 const CausalTracingOptions& options) {
  reader.describe(dataset);
  dataset.attributes["object"] = reader.target();
  dataset.attributes["corruption"] = corruption;
  dataset.attributes["kinds"] = options.kinds;
  dataset.attributes["window"] = options.window;
  dataset.attributes["most_cells"] = options.most_cells;
  dataset.attributes["base_run"] = "corrupted";
  dataset.attributes["source_run"] = "clean";
  dataset.attributes["sign"] = "indirect_effect = p(restored) - p(corrupted)";
}

}  // namespace lensbench::tracing
