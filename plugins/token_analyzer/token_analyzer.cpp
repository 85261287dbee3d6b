#include "token_analyzer/token_analyzer.hpp"

#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>

#include "token_analyzer/flags.hpp"
#include "token_analyzer/model_comparison.hpp"
#include "token_analyzer/text_logits.hpp"
#include "token_analyzer/vocabulary.hpp"

namespace lensbench {
namespace {

using namespace token_analysis;

TokenAnalyzerOptions options_of(const Parameters& parameters, std::uint64_t seed) {
  TokenAnalyzerOptions options;
  options.top_k = parameters.integer("top_k");
  options.max_new_tokens = parameters.integer("max_new_tokens");
  options.sampling = {parameters.number("temperature"), parameters.integer("sample_top_k"),
                      parameters.number("sample_top_p"), seed};
  options.temperatures = parameters.numbers("temperatures");
  options.nucleus = parameters.numbers("nucleus");
  options.entropy_jump_threshold = parameters.number("entropy_jump_threshold");
  options.entropy_jump_history = parameters.integer("entropy_jump_history");
  return options;
}

void require_text(const Tokens& tokens) {
  if (tokens.ids.empty())
    throw UsageError("token_analyzer: the text is empty; give at least one token");
}

/// Everything that can be wrong with the options, before a model runs.
void check(const TokenAnalyzerOptions& options, std::int64_t vocab_size) {
  check_options(step_options(options), vocab_size);
  check_rule({options.entropy_jump_threshold, options.entropy_jump_history});
  if (options.max_new_tokens < 0)
    throw UsageError("token_analyzer: max_new_tokens is " + std::to_string(options.max_new_tokens) +
                     ", expected 0 (the text as given) or more");
}

}  // namespace

void TokenAnalyzerTool::check_compatible(const Model& model) const {
  if (model.spec().masked_language_model || !model.spec().attention.causal)
    throw UsageError("token_analyzer: '" + model.spec().family +
                     "' sees the whole text at once and does not predict the next token; use a "
                     "causal language model");
}

void TokenAnalyzerTool::check_parameters(const Parameters& parameters) const {
  check(options_of(parameters, 0), model().spec().vocab_size);
  // The model is not kept, because an experiment that compares models has opened it itself.
  if (const std::string& path = parameters.text("versus_model"); !path.empty()) opened(path);
}

/// Analysis and, with `versus_model`, comparison of the same text; a generated text is scored by
/// the other model as it was generated.
Dataset TokenAnalyzerTool::run(const Request& request) {
  const Tokens& tokens = request.tokens();
  const Parameters& parameters = request.parameters();
  const TokenAnalyzerOptions options = options_of(parameters, request.seed());
  const std::string& versus_path = parameters.text("versus_model");
  // A comparison that is not possible is refused before the expensive part of the work.
  const Model* other = versus_path.empty() ? nullptr : &versus(versus_path);
  const Analysis analysis = analysis_of(tokens, options);
  Dataset dataset = analysis_dataset(analysis, options);
  if (other == nullptr) return dataset;
  add_comparison(dataset,
                 compare_text(model(), analysis.residual, *other, analysis.text, options.top_k));
  context().record_model(dataset, "versus_model", *other);
  return dataset;
}

Dataset TokenAnalyzerTool::analyze(const Tokens& tokens, const TokenAnalyzerOptions& options) {
  return analysis_dataset(analysis_of(tokens, options), options);
}

Dataset TokenAnalyzerTool::compare(const Tokens& tokens, const Model& other, std::int64_t top_k) {
  require_text(tokens);
  StepOptions step;
  step.top_k = top_k;
  check_options(step, model().spec().vocab_size);
  check_compatible(other);
  require_same_vocabulary(model(), other);
  Dataset dataset = comparison_dataset(
      tokens, compare_text(model(), shared_residual(tokens), other, tokens, top_k));
  Provenance{.definition = "token_analyzer/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "the same prompt in versus_model";
  dataset.attributes["sign"] = "none";
  dataset.attributes["top_k"] = top_k;
  context().record_model(dataset, "versus_model", other);
  return dataset;
}

/// A generation runs the model itself; a given text shares the forward of the case.
Analysis TokenAnalyzerTool::analysis_of(const Tokens& tokens, const TokenAnalyzerOptions& options) {
  require_text(tokens);
  check(options, model().spec().vocab_size);
  const StepOptions step = step_options(options);
  if (options.max_new_tokens > 0)
    return analyze_generation(model(), tokens, options.max_new_tokens, step);
  return analyze_text(model(), tokens, shared_residual(tokens), step);
}

/// Stream after the last block [pos, d_model], from the forward that other tools of the case share.
at::Tensor TokenAnalyzerTool::shared_residual(const Tokens& tokens) {
  const std::int64_t n_layers = model().spec().n_layers;
  // A model without blocks does not have the hook of a last block.
  if (n_layers == 0) return final_residual(model(), tokens, tokens.size());
  const std::string name = residual_hook(model().spec(), n_layers);
  return context().activations(tokens, {name}).at(name).select(0, 0);
}

std::shared_ptr<const Model> TokenAnalyzerTool::opened(const std::string& path) const {
  auto other = Model::open(path, model().options());
  check_compatible(*other);
  require_same_vocabulary(model(), *other);
  return other;
}

/// Opened at the first case and kept: the model is the same for all cases.
const Model& TokenAnalyzerTool::versus(const std::string& path) {
  if (versus_ == nullptr || versus_path_ != path) {
    versus_ = opened(path);
    versus_path_ = path;
  }
  return *versus_;
}

}  // namespace lensbench
