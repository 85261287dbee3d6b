#include "options.hpp"

#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>

namespace lensbench::dictionaries {

SparseAutoencoderOptions options_of(const Model& model, const Parameters& parameters) {
  SparseAutoencoderOptions options;
  options.hook = parameters.text("hook");
  options.text = parameters.text("text");
  options.window = parameters.integer("window");
  options.windows = parameters.integer("windows");
  options.top_features = parameters.integer("top_features");
  options.top_tokens = parameters.integer("top_tokens");
  options.center = parameters.text("center");
  options.exclude_special = parameters.boolean("exclude_special");
  options.splice = parameters.boolean("splice");
  options.attribute = parameters.boolean("attribute");
  const MetricOptions metric = metric_options(model, parameters);
  options.versus = metric.versus;
  options.position = metric.position;
  return options;
}

void check_options(const Model& model, const SparseAutoencoderOptions& options) {
  if (options.top_features < 1 || options.top_tokens < 0 || options.window < 2 ||
      options.windows < 0)
    throw UsageError(
        "sparse_autoencoder: top_features, top_tokens, window or windows is out of "
        "range; expected at least 1, 0, 2 and 0");
  if (model.spec().masked_language_model && (options.splice || options.attribute))
    throw UsageError(
        "sparse_autoencoder: a '" + model.spec().family +
        "' model predicts masked tokens, not the next; leave splice and attribute out");
  if (!options.attribute && options.versus)
    throw UsageError(
        "sparse_autoencoder: versus is of a metric; give attribute=true, or leave it "
        "out");
}

void add_options(Dataset& dataset, const SparseAutoencoderOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["hook"] = options.hook;
  attributes["window"] = options.window;
  attributes["windows"] = options.windows;
  attributes["top_features"] = options.top_features;
  attributes["top_tokens"] = options.top_tokens;
  attributes["center"] = options.center;
  attributes["exclude_special"] = static_cast<std::int64_t>(options.exclude_special);
  attributes["splice"] = static_cast<std::int64_t>(options.splice);
  attributes["attribute"] = static_cast<std::int64_t>(options.attribute);
}

}  // namespace lensbench::dictionaries
