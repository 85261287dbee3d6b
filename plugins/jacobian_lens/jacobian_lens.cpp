#include "jacobian_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <utility>

#include "fit.hpp"
#include "reading.hpp"
#include "receipts.hpp"

namespace lensbench::jacobian {
namespace {

bool is_half(const Model& model) {
  const at::ScalarType type = model.unembedding().weight.scalar_type();
  return type == at::kHalf || type == at::kBFloat16;
}

JacobianLensFit fit_of(const Parameters& parameters) {
  JacobianLensFit fit;
  fit.text = parameters.text("text");
  fit.n_prompts = parameters.integer("n_prompts");
  fit.length = parameters.integer("length");
  fit.skip_first = parameters.integer("skip_first");
  fit.layers = parameters.integers("layers");
  fit.seed_batch = parameters.integer("seed_batch");
  return fit;
}

void check_fit(const TransformerSpec& spec, const JacobianLensFit& fit) {
  if (fit.text.empty())
    throw UsageError(
        "jacobian_lens: a fit needs text; give a file with one document in each line, or "
        "generated:N");
  if (fit.n_prompts < 1 || fit.length < 2 || fit.skip_first < 0 || fit.seed_batch < 1)
    throw UsageError("jacobian_lens: n_prompts is " + std::to_string(fit.n_prompts) + ", length " +
                     std::to_string(fit.length) + ", skip_first " + std::to_string(fit.skip_first) +
                     ", seed_batch " + std::to_string(fit.seed_batch) +
                     "; expected at least 1, 2, 0 and 1");
  const std::int64_t length = std::min(fit.length, spec.max_positions);
  if (counted_positions(length, fit.skip_first).count < 1)
    throw UsageError("jacobian_lens: skip_first is " + std::to_string(fit.skip_first) +
                     ", which leaves 0 positions of a window of " + std::to_string(length) +
                     " tokens; give a smaller one, or a longer length");
  blocks_of(spec, fit);
}

/// A parameter of the other mode would change nothing.
void check_mode(const Parameters& parameters) {
  const bool fits = parameters.text("mode") == "fit";
  if (!fits && parameters.text("lens").empty())
    throw UsageError(
        "jacobian_lens: mode=use needs lens; give ARCHIVE.h5:results/jacobian_lens, or fit one "
        "with "
        "mode=fit and text");
  if (fits && !parameters.text("lens").empty())
    throw UsageError("jacobian_lens: mode=fit makes a lens; leave lens out");
  if (!fits && !parameters.text("text").empty())
    throw UsageError(
        "jacobian_lens: mode=use does not read a text; leave text out, or give mode=fit");
}

void add_fit(Dataset& dataset, const Fitted& fitted) {
  const std::int64_t blocks = fitted.jacobians.fitted.size(0);
  dataset.add_coordinate("block", at::arange(blocks, at::kInt), "block, counted from 0");
  dataset.add("jacobian", {"block", "d_model", "other_d_model"}, fitted.jacobians.matrices, "1",
              "mean derivative of the last stream (rows) by the output of each block (columns)");
  dataset.add("fitted", {"block"}, fitted.jacobians.fitted, "1",
              "1 where the Jacobian was fitted; elsewhere it is the identity");
  dataset.add("fit_se", {"block"}, fitted.standard_error, "1",
              "standard error of the Jacobian over prompts, relative to its size (NaN: not fitted, "
              "or one prompt)");
  dataset.add("split_half", {"block"}, fitted.split_half, "1",
              "difference between the means of every other prompt, relative to the size of the "
              "Jacobian (NaN: not fitted, or one prompt)");
  dataset.attributes["prompts"] = fitted.prompts;
  dataset.attributes["windows_too_short"] = fitted.skipped;
}

void add_fit_attributes(Dataset& dataset, const JacobianLensFit& fit) {
  auto& attributes = dataset.attributes;
  attributes["text"] = fit.text;
  attributes["n_prompts"] = fit.n_prompts;
  attributes["length"] = fit.length;
  attributes["skip_first"] = fit.skip_first;
  attributes["seed_batch"] = fit.seed_batch;
  std::vector<std::string> layers;
  for (const std::int64_t layer : fit.layers) layers.push_back(std::to_string(layer));
  if (layers.empty())
    attributes["layers"] = "all";
  else
    attributes["layers"] = layers;
}

/// Whether a lens is that of the model, by the digest of the files of its model.
std::string fitted_to(const Context& context, const StoredLens& lens) {
  if (lens.base_sha256.empty()) return "unknown";
  Dataset own;
  context.record_model(own, "base", context.model());
  return std::get<std::string>(own.attributes["base_sha256"]) == lens.base_sha256
             ? "this model"
             : "another model: " + lens.base;
}

/// Windows of a text are read in an order of the corpus, which has streams of its own.
void add_provenance(Dataset& dataset, bool fitted) {
  Provenance{.definition = "jacobian_lens/1",
             .rule = fitted ? "sum over later positions, mean over positions and windows" : "none"}
      .describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
}

}  // namespace

std::vector<std::string> JacobianLensTool::usual_hooks(const TransformerSpec& spec) const {
  std::vector<std::string> hooks;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.push_back(residual_hook(spec, layer));
  return hooks;
}

void JacobianLensTool::check_compatible(const Model& model) const {
  if (model.spec().masked_language_model)
    throw UsageError("jacobian_lens: a '" + model.spec().family +
                     "' model sees later tokens, so that effects of a position on earlier ones "
                     "would count; use logit_lens");
  if (model.spec().n_layers < 1)
    throw UsageError("jacobian_lens: the model has 0 blocks; expected at least one");
}

void JacobianLensTool::check_parameters(const Parameters& parameters) const {
  check_mode(parameters);
  if (parameters.text("mode") == "fit") {
    const JacobianLensFit fit = fit_of(parameters);
    check_fit(model().spec(), fit);
  } else {
    read_lens(model(), parameters.text("lens"));
  }
}

CostEstimate JacobianLensTool::estimate(const Request& request) const {
  const TransformerSpec& spec = model().spec();
  const auto width = static_cast<double>(spec.d_model), layers = static_cast<double>(spec.n_layers);
  CostEstimate cost;
  cost.bytes = layers * width * width * 4.0;
  if (request.parameters().text("mode") != "fit") return cost;
  const JacobianLensFit fit = fit_of(request.parameters());
  // A backward pass for each row of the Jacobian, of twice the operations of a forward.
  const double forward = 24 * layers * width * width * static_cast<double>(fit.length);
  cost.flops = static_cast<double>(fit.n_prompts) * width * 2 * forward;
  // Two sums of float64, and the graph of a batch.
  cost.bytes = layers * width * width * 20.0 +
               static_cast<double>(fit.seed_batch * fit.length) * layers * width * 4.0 * 20.0;
  cost.items = fit.n_prompts;
  return cost;
}

Dataset JacobianLensTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  check_mode(parameters);
  JacobianLensOptions options;
  options.top_k = parameters.integer("top_k");
  options.target = request.target().value_or(parse_target(model(), parameters.text("target")));
  if (parameters.text("mode") == "fit") return fit(request.tokens(), fit_of(parameters), options);
  return read(request.tokens(), parameters.text("lens"), options);
}

Dataset JacobianLensTool::read(const Tokens& tokens, const std::string& source,
                               const JacobianLensOptions& options) {
  check_compatible(model());
  if (!lens_ || source_ != source) {
    lens_ = read_lens(model(), source);
    source_ = source;
  }
  Dataset dataset = read_prompt(context(), tokens, lens_->jacobians, options);
  add_provenance(dataset, false);
  dataset.attributes["mode"] = "use";
  dataset.attributes["lens_fitted_to"] = fitted_to(context(), *lens_);
  context().record_file(dataset, "lens", source);
  return dataset;
}

Dataset JacobianLensTool::fit(const Tokens& tokens, const JacobianLensFit& fit,
                              const JacobianLensOptions& options) {
  check_compatible(model());
  check_fit(model().spec(), fit);
  if (context().reference_prompts().size() > 1)
    throw UsageError(
        "jacobian_lens: mode=fit reads one prompt through the lens, found several; give one "
        "prompt, and then the others with mode=use");
  // A wrong prompt is noticed before hours of fitting.
  read_prompt(context(), tokens, Jacobians::identity(model().spec()), options);
  const Fitted fitted = fit_jacobians(context(), fit);
  Dataset dataset = read_prompt(context(), tokens, fitted.jacobians, options);
  add_fit(dataset, fitted);
  dataset.receipts.push_back(identity_receipt(fitted.identity_error));
  dataset.receipts.push_back(direction_receipt(fitted.direction_error, is_half(model())));
  add_provenance(dataset, true);
  dataset.attributes["mode"] = "fit";
  dataset.attributes["lens"] = "fitted here";
  dataset.attributes["seed"] = static_cast<std::int64_t>(context().seed());
  add_fit_attributes(dataset, fit);
  context().record_file(dataset, "text", fit.text);
  context().record_model(dataset, "base", model());
  return dataset;
}

}  // namespace lensbench::jacobian
