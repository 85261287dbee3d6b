#include "input_attribution.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>

#include "cost.hpp"
#include "integral.hpp"
#include "methods.hpp"
#include "receipts.hpp"
#include "result.hpp"

namespace lensbench::inputs {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void refuse(const std::string& fault) {
  throw UsageError("input_attribution: " + fault);
}

/// Checks what the typed interface does not check by a parameter table.
void check_options(const TransformerSpec& spec, const InputAttributionOptions& options) {
  if (options.methods.empty()) refuse("methods is empty; give at least one");
  for (const std::string& method : options.methods)
    if (std::count(options.methods.begin(), options.methods.end(), method) > 1)
      refuse("method '" + method + "' is given twice; give it once");
  // Only for its errors: the rule itself is made where it is used.
  integration_rule(options.rule, options.steps);
  if (options.window < 1)
    refuse("window is " + std::to_string(options.window) + "; give at least 1 token");
  if (options.layer < 0 || options.layer >= spec.n_layers)
    refuse("layer " + std::to_string(options.layer) +
           " does not exist; give 0 (the embeddings) to " + std::to_string(spec.n_layers - 1));
}

/// A window that was cut to the prompt would give other numbers than the result says.
void check_length(const InputAttributionOptions& options, std::int64_t n_tokens) {
  if (n_tokens == 0) refuse("the prompt is empty; give at least one token");
  if (uses(options, "occlusion") && options.window > n_tokens)
    refuse("window is " + std::to_string(options.window) + ", but the prompt has " +
           std::to_string(n_tokens) + (n_tokens == 1 ? " token" : " tokens") +
           "; give at most that, or leave out the method occlusion");
}

double metric_at(const MetricReader& reader, const at::Tensor& stream) {
  return reader(stream.narrow(0, reader.position(), 1)).item<double>();
}

/// NaN marks positions that cannot contribute.
at::Tensor sum_of(const at::Tensor& attribution) {
  return attribution.nansum();
}

/// Log-probability of the target after another context.
/// The other context ends where the target would follow, so its last position is read.
double contrast_of(const Model& model, const MetricReader& reader, const Tokens& contrast) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor stream = model.forward(make_batch(contrast), options).residual[0];
  return reader(stream.narrow(0, contrast.size() - 1, 1)).item<double>();
}

MetricOptions checked_metric(MetricOptions metric, bool contrast) {
  // kl is at its minimum at the run that it compares with.
  if (metric.metric == Metric::kl)
    refuse(
        "metric kl has gradient 0 at the run that it compares with; give logit_difference, logit, "
        "log_probability or probability");
  if (!contrast) return metric;
  // Log-probabilities of two contexts can be compared; logits of two runs share no zero.
  if (metric.metric.value_or(Metric::log_probability) != Metric::log_probability ||
      (metric.versus && !metric.metric))
    refuse("contrast compares log-probabilities; leave out versus and set metric=log_probability");
  metric.metric = Metric::log_probability;
  return metric;
}

/// All options but the second prompt, which a case gives.
InputAttributionOptions options_of(const Model& model, const Parameters& parameters) {
  InputAttributionOptions options;
  options.metric = metric_options(model, parameters);
  options.methods = parameters.list("methods");
  options.steps = parameters.integer("steps");
  options.rule = parameters.text("rule");
  // A token is given by its text or id, so it depends on the tokenizer of the model.
  options.baseline = parameters.text("baseline");
  if (const std::string& token = parameters.text("baseline_token"); !token.empty())
    options.baseline_token = parse_target(model, token).id;
  options.window = parameters.integer("window");
  if (const std::string& text = parameters.text("contrast"); !text.empty())
    options.contrast = to_tokens(model, text);
  options.layer = parameters.integer("layer");
  options.completeness_tolerance = parameters.number("completeness_tolerance");
  options.graph_bytes = parameters.integer("graph_bytes");
  return options;
}

InputAttributionOptions options_of(const Model& model, const Request& request) {
  InputAttributionOptions options = options_of(model, request.parameters());
  if (options.baseline == "prompt") options.other = request.corrupted();
  return options;
}

}  // namespace

void InputAttributionTool::check_compatible(const Model& model) const {
  if (model.spec().n_layers < 1) refuse("the model has 0 blocks; expected at least one");
}

void InputAttributionTool::check_parameters(const Parameters& parameters) const {
  const InputAttributionOptions options = options_of(model(), parameters);
  check_options(model().spec(), options);
  checked_metric(options.metric, options.contrast.has_value());
  const bool needs = parameters.text("baseline") == "token";
  if (needs && parameters.text("baseline_token").empty())
    refuse("baseline=token needs a token; set baseline_token");
  if (!needs && !parameters.text("baseline_token").empty())
    refuse("baseline_token is set, but only baseline=token uses it; set baseline, or leave it out");
}

CostEstimate InputAttributionTool::estimate(const Request& request) const {
  const InputAttributionOptions options = options_of(model(), request);
  check_length(options, request.tokens().size());
  return cost_of(model(), request.tokens(), options);
}

Dataset InputAttributionTool::run(const Request& request) {
  return attribute(request.tokens(), target_of(model(), request), options_of(model(), request));
}

/// Embeddings that represent the absence of information, [token or 1, d_embedding].
at::Tensor InputAttributionTool::baseline_rows(const Tokens& tokens,
                                               const InputAttributionOptions& options) {
  if (options.baseline == "zero")
    return at::zeros_like(embeddings_of(model(), {tokens.ids.front()}));
  if (options.baseline == "token") {
    if (options.baseline_token < 0 || options.baseline_token >= model().spec().vocab_size)
      refuse("baseline_token " + std::to_string(options.baseline_token) +
             " is outside the vocabulary");
    return embeddings_of(model(), {options.baseline_token});
  }
  if (options.baseline == "prompt") {
    if (!options.other) refuse("baseline=prompt needs a second prompt; set corrupted");
    const PairedRuns pair("input_attribution", tokens, *options.other, Direction::noise);
    return embeddings_of(model(), pair.source().ids);
  }
  if (options.baseline != "mean")
    refuse("unknown baseline '" + options.baseline + "'; give mean, zero, token or prompt");
  // The mean over the vocabulary costs a pass over all tokens, so it is kept.
  if (mean_of_ != &model()) mean_ = mean_embedding(model());
  mean_of_ = &model();
  return mean_;
}

Dataset InputAttributionTool::attribute(const Tokens& tokens, const Target& target,
                                        const InputAttributionOptions& options) {
  const TransformerSpec& spec = model().spec();
  if (!tokens.pictures.empty())
    refuse(
        "the prompt has pictures, whose tokens are not embeddings of the vocabulary; give a text, "
        "or use vision_lens");
  check_options(spec, options);
  check_length(options, tokens.size());
  const InputRuns runs(model(), tokens, options.layer);
  const at::Tensor input = runs.input(), stream = runs.last_stream(input);
  // The baseline is given as embeddings and run up to `layer`, so that the baseline of a deeper
  // stream is a stream that the model can have.
  const at::Tensor rows = baseline_rows(tokens, options);
  const at::Tensor baseline = runs.input_of_embeddings(rows);
  // Occlusion writes into the stream that enters the block, for layer 0 after positions were added.
  const at::Tensor baseline_stream = runs.stream_of_embeddings(rows);
  const MetricReader reader("input_attribution", model(), tokens, stream, target,
                            checked_metric(options.metric, options.contrast.has_value()));
  const double contrast = options.contrast ? contrast_of(model(), reader, *options.contrast) : 0.0;
  const double of_input = metric_at(reader, stream);
  const double of_baseline = metric_at(reader, runs.last_stream(baseline));
  // One gradient at the input serves gradient_x_input, saliency and the receipts.
  const at::Tensor gradient = runs.gradients(reader, input.unsqueeze(0))[0];
  Work work(context(), work_items(options, tokens.size()));
  work.finish(1);
  const Question question{context(), tokens,          runs,     reader,  input,
                          baseline,  baseline_stream, gradient, options, work};

  Dataset dataset;
  dataset.receipts = {alone_equals_batch(question), later_tokens(question)};
  std::vector<at::Tensor> attributions;
  std::vector<double> gaps;
  std::optional<RoutingJumps> jumps;
  for (const std::string& method : options.methods) {
    const Attribution found = attribution_of(method, question);
    attributions.push_back(up_to_position(found.of_tokens, spec, reader.position()));
    // NaN positions are left out of the sum: in causal models they do not contribute.
    const double gap = sum_of(attributions.back()).item<double>() - (of_input - of_baseline);
    gaps.push_back(is_complete_method(method) ? gap : kNaN);
    if (method == "integrated_gradients") {
      jumps = found.jumps;
      dataset.receipts.push_back(completeness(gap + (jumps ? jumps->sum : 0.0),
                                              of_input - of_baseline,
                                              options.completeness_tolerance));
    }
  }
  if (uses(options, "occlusion"))
    for (Receipt& receipt : occlusion_receipts(question))
      dataset.receipts.push_back(std::move(receipt));

  add_values(dataset, question,
             {at::stack(attributions), gaps, of_input - contrast, of_baseline - contrast, jumps});
  add_attributes(dataset, reader, options);
  return dataset;
}

}  // namespace lensbench::inputs
