#include "causal_tracing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <limits>

#include "common/noise.hpp"
#include "common/text_alone.hpp"
#include "common/unused_parameter.hpp"
#include "subject.hpp"
#include "tracing_result.hpp"
#include "tracing_sweep.hpp"
#include "values.hpp"

namespace lensbench::tracing {
namespace {

/// Options by name; values were checked against the parameter table before.
CausalTracingOptions options_of(const Parameters& parameters) {
  CausalTracingOptions options;
  options.position = parameters.integer("position");
  options.noise = parameters.number("noise");
  options.noise_from = parameters.text("noise_from");
  options.samples = parameters.integer("samples");
  options.kinds = parameters.list("kinds");
  options.window = parameters.integer("window");
  options.most_cells = parameters.integer("most_cells");
  return options;
}

/// The typed interface bypasses the parameter table, so its options are checked here again.
void check_options(const TransformerSpec& spec, const CausalTracingOptions& options) {
  restored_hooks(spec, options.kinds);
  if (options.kinds.empty())
    throw UsageError("causal_tracing: kinds is empty; give one or more of state, attn, mlp");
  if (options.window < 1)
    throw UsageError("causal_tracing: window is " + std::to_string(options.window) +
                     "; give at least 1 block");
  if (options.samples < 1 || options.samples > 10000)
    throw UsageError("causal_tracing: samples is " + std::to_string(options.samples) +
                     "; give 1 to 10000");
  for (const char* from : {"vocabulary", "subject", "prompt"})
    if (options.noise_from == from) return;
  throw UsageError("causal_tracing: unknown noise_from '" + options.noise_from +
                   "'; give vocabulary, subject or prompt");
}

/// The field of a case wins over the parameter, which is the same for all cases.
std::string subject_text(const Request& request) {
  return request.field("subject").value_or(request.parameters().text("subject"));
}

/// Explicit positions win over a text, since a text may be ambiguous.
std::vector<std::int64_t> subject_of(const Model& model, const Request& request) {
  const Parameters& parameters = request.parameters();
  const auto given = parameters.integers("subject_tokens");
  const std::string text = subject_text(request);
  if (!given.empty() || text.empty()) return checked_subject(given, request.tokens().size());
  return subject_positions(model, request.tokens(), text);
}

/// The object of the case, else its target, else the parameter.
Target object_of(const Model& model, const Request& request) {
  if (const auto object = request.field("object")) return parse_target(model, *object);
  return request.target().value_or(parse_target(model, request.parameters().text("object")));
}

/// Probability and log-probability of each run are read from the same logits.
MetricReader reader_of(const Model& model, const Tokens& tokens, const at::Tensor& stream,
                       const Target& object, const CausalTracingOptions& options) {
  MetricReader reader("causal_tracing", model, tokens, stream, object,
                      {.metric = Metric::probability, .position = options.position});
  reader.read_several({Metric::probability, Metric::log_probability});
  return reader;
}

/// Noise of size 0 must give the clean run bit for bit.
Receipt zero_noise(const Model& model, const Tokens& tokens, const at::Tensor& stream,
                   const std::vector<std::int64_t>& subject) {
  const auto rows = static_cast<std::int64_t>(subject.size());
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  // The hook of the sweep with zeros: adding nothing must change nothing.
  const Hooks hooks = adding(subject, at::zeros({rows, model.spec().d_model}, at::kDouble));
  const at::Tensor run = model.forward(make_batch(tokens), options, hooks).residual[0];
  return make_receipt("noise_of_zero_gives_the_clean_run", run.equal(stream) ? 0.0 : 1.0, 0.0,
                      "1 if any bit of the last stream differs");
}

}  // namespace

void CausalTracingTool::check_compatible(const Model& model) const {
  if (model.spec().n_layers < 1)
    throw UsageError("causal_tracing: the model has 0 blocks; expected at least one");
}

void CausalTracingTool::check_parameters(const Parameters& parameters) const {
  check_options(model().spec(), options_of(parameters));
  if (parameters.text("corruption") == "noise")
    refuse_unused(parameters, "causal_tracing", {"replacement", "corrupted", "corrupted_ids"},
                  "corruption=replace");
  else
    refuse_unused(parameters, "causal_tracing",
                  {"subject_tokens", "noise", "noise_from", "samples"}, "corruption=noise");
}

/// Noise runs every cell once for each sample, a replaced prompt once.
CostEstimate CausalTracingTool::estimate(const Request& request) const {
  const CausalTracingOptions options = options_of(request.parameters());
  const TransformerSpec& spec = model().spec();
  const std::int64_t length = request.tokens().size();
  SweepOptions sweep;
  sweep.metric_position = options.position;
  sweep.most_cells = options.most_cells;
  if (request.parameters().text("corruption") == "noise")
    sweep.bases.resize(static_cast<std::size_t>(options.samples));
  const SweepCost cost = sweep_cost(spec, length, restorations(spec, length, options, {}), sweep);
  return {cost.flops, cost.bytes, cost.cells};
}

/// Noise needs the positions of the subject; a replacement needs a prompt of equal length.
Dataset CausalTracingTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  const CausalTracingOptions options = options_of(parameters);
  const Target object = object_of(model(), request);
  if (parameters.text("corruption") == "noise")
    return trace(request.tokens(), subject_of(model(), request), object, options);
  const std::string& replacement = parameters.text("replacement");
  const Tokens replaced =
      replacement.empty()
          ? request.corrupted()
          : with_subject_replaced(model(), request.tokens(), subject_text(request), replacement);
  return trace_replaced(request.tokens(), replaced, object, options);
}

Dataset CausalTracingTool::trace(const Tokens& tokens, const std::vector<std::int64_t>& given,
                                 const Target& object, const CausalTracingOptions& options) {
  check_options(model().spec(), options);
  if (tokens.size() == 0)
    throw UsageError("causal_tracing: the prompt is empty; give at least one token");
  refuse_pictures("causal_tracing", tokens);
  const std::vector<std::int64_t> subject = checked_subject(given, tokens.size());
  const at::Tensor stream = patching::last_stream(model(), tokens);
  const MetricReader reader = reader_of(model(), tokens, stream, object, options);
  // The scale of the noise is measured once, on the unchanged prompt.
  const double deviation = embedding_deviation(model(), tokens, subject, options.noise_from);
  const double nu = options.noise * deviation;
  const std::int64_t width = model().spec().d_model, samples = options.samples;
  const std::uint64_t seed = context().seed();
  // All restorations use the same noises, so differences between cells are not differences of
  // noise.
  const std::vector<Hooks> noises = noise_on(subject, samples, width, nu, seed);
  Trace trace = run_trace(context(), reader, tokens, stream, tokens, noises, options);
  trace.receipts.push_back(zero_noise(model(), tokens, stream, subject));

  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  at::Tensor flags = at::zeros({tokens.size()}, at::kChar);
  for (const std::int64_t position : subject) flags[position] = 1;
  add_subject(dataset, flags, "1 at the tokens of the subject, which are corrupted");
  add_trace(dataset, model(), trace, options);
  // Noise elsewhere shows how much of the total effect is due to noise as such.
  const auto control = control_noise(subject, tokens.size(), samples, width, nu, seed);
  add_scalar(dataset, "control_total_effect",
             control.empty()
                 ? std::numeric_limits<double>::quiet_NaN()
                 : trace.clean_probability - mean_metric(model(), reader, tokens, control),
             "total effect of noise on as many tokens that are not of the subject, drawn for each "
             "sample (NaN: there are none)");
  add_scalar(dataset, "noise_standard_deviation", nu,
             "standard deviation of the noise on each embedding entry");
  add_options(dataset, reader, "noise", options);
  dataset.attributes["noise"] = options.noise;
  dataset.attributes["noise_from"] = options.noise_from;
  Provenance{.definition = "causal_tracing/1",
             .rule = "noise",
             .samples = samples,
             .seed_stream = static_cast<std::int64_t>(kNoiseStream)}
      .describe(dataset);
  return dataset;
}

/// Symmetric replacement (Zhang & Nanda, arXiv:2309.16042): the corrupted run is a real prompt, and
/// a single one, so there is no standard error.
Dataset CausalTracingTool::trace_replaced(const Tokens& tokens, const Tokens& replaced,
                                          const Target& object,
                                          const CausalTracingOptions& options) {
  check_options(model().spec(), options);
  const PairedRuns pair("causal_tracing", tokens, replaced, Direction::denoise);
  if (!pair.differs().any().item<bool>())
    throw UsageError(
        "causal_tracing: the two prompts are equal token for token; give another subject");
  const at::Tensor stream = patching::last_stream(model(), tokens);
  const MetricReader reader = reader_of(model(), tokens, stream, object, options);
  const Trace trace = run_trace(context(), reader, tokens, stream, replaced, {Hooks()}, options);
  Dataset dataset;
  pair.describe(dataset);
  add_subject(dataset, pair.differs(), "1 at the tokens of the subject, which are replaced");
  add_trace(dataset, model(), trace, options);
  add_options(dataset, reader, "replace", options);
  Provenance{.definition = "causal_tracing/1", .rule = "replace"}.describe(dataset);
  return dataset;
}

}  // namespace lensbench::tracing
