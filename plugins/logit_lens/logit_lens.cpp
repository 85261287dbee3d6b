#include "logit_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <lensbench/error.hpp>
#include <utility>

#include "decode.hpp"
#include "masked.hpp"
#include "receipt.hpp"
#include "result.hpp"

namespace lensbench::lens {
namespace {

void check_top_k(const Model& model, std::int64_t top_k) {
  if (top_k >= 1 && top_k <= model.spec().vocab_size) return;
  throw UsageError("logit_lens: top_k is " + std::to_string(top_k) + "; give 1 to " +
                   std::to_string(model.spec().vocab_size) + ", the size of the vocabulary");
}

/// Without the norm the raw stream is unembedded, which must have the width of the unembedding.
void check_norm(const Model& model, bool norm) {
  if (norm || model.spec().d_embedding == 0) return;
  throw UsageError("logit_lens: norm is false, but this '" + model.spec().family +
                   "' model projects the stream to another width before the unembedding, so the "
                   "raw stream cannot be unembedded; leave norm true");
}

/// One tensor after the other along the positions.
at::Tensor joined(const std::vector<at::Tensor>& parts) {
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

at::Tensor joined_layer(const std::vector<Prompt>& prompts, std::size_t point, std::size_t layer) {
  std::vector<at::Tensor> parts;
  parts.reserve(prompts.size());
  for (const Prompt& prompt : prompts) parts.push_back(prompt.points[point].layers[layer]);
  return joined(parts);
}

/// The rows of all prompts as one question.
Question question_of(const Model& model, const std::vector<Prompt>& prompts, std::size_t point,
                     const LogitLensOptions& options) {
  Question question;
  question.model = &model;
  question.norm = options.norm;
  question.top_k = options.top_k;
  std::vector<at::Tensor> last, next, targets;
  for (const Prompt& prompt : prompts) {
    last.push_back(prompt.last);
    next.push_back(next_ids(prompt.tokens));
    targets.push_back(asked_ids(prompt.target, next.back()));
  }
  question.final_residual = joined(last);
  question.next_ids = joined(next);
  question.target_ids = joined(targets);
  for (std::size_t layer = 0; layer < prompts.front().points[point].layers.size(); ++layer)
    question.layers.push_back(joined_layer(prompts, point, layer));
  return question;
}

/// The answer about all prompts, by prompt.
std::vector<Answer> answers_of(const Answer& answer, const std::vector<Prompt>& prompts) {
  std::vector<Answer> answers;
  answers.reserve(prompts.size());
  std::int64_t first = 0;
  for (const Prompt& prompt : prompts) {
    answers.push_back(positions_of(answer, first, prompt.tokens.size()));
    first += prompt.tokens.size();
  }
  return answers;
}

/// Compares the last layer of each prompt with the model's own logits.
void add_receipts(std::vector<Dataset>& datasets, const Model& model,
                  const std::vector<Prompt>& prompts, std::size_t point,
                  const std::vector<Answer>& answers) {
  const std::int64_t n_layers = model.spec().n_layers;
  std::vector<PromptReadout> readouts;
  readouts.reserve(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    at::Tensor before_last;
    // A forward of a single block is a whole one.
    if (n_layers > 1)
      before_last = prompts[i].points[point].layers[static_cast<std::size_t>(n_layers - 1)];
    readouts.push_back({prompts[i].tokens, before_last, answers[i].readout});
  }
  std::vector<Receipt> receipts = last_layer_receipts(model, readouts);
  for (std::size_t i = 0; i < prompts.size(); ++i)
    datasets[i].receipts.push_back(std::move(receipts[i]));
}

/// `layer` counts streams, `block` counts blocks: other points than the stream have no layer
/// n_layers.
void add_axes(Dataset& dataset, const std::vector<Residuals>& points, std::int64_t n_layers,
              std::int64_t top_k) {
  bool layers = false, blocks = false;
  for (const Residuals& residuals : points)
    (residuals.point == "resid_post" ? layers : blocks) = true;
  if (layers) add_layer_axis(dataset, n_layers);
  if (blocks)
    dataset.add_coordinate("block", at::arange(n_layers, at::kInt), "block, counted from 0");
  dataset.add_coordinate("rank", at::arange(1, top_k + 1, at::kInt), "1 is the most probable");
}

}  // namespace

void check_tokens(const Tokens& tokens) {
  if (tokens.ids.empty())
    throw UsageError("logit_lens: the prompt is empty; give at least one token");
}

Dataset with_token_axis(const Tokens& tokens) {
  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  return dataset;
}

/// The hooks of default options, so that the bench can read them in one forward for several tools.
std::vector<std::string> LogitLensTool::usual_hooks(const TransformerSpec& spec) const {
  std::vector<std::string> hooks;
  for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
    hooks.push_back(residual_hook(spec, layer));
  return hooks;
}

void LogitLensTool::check_parameters(const Parameters& parameters) const {
  check_top_k(model(), parameters.integer("top_k"));
  check_norm(model(), parameters.boolean("norm"));
  check_points(parameters.list("points"));
}

LogitLensOptions LogitLensTool::options_of(const Request& request) const {
  const Parameters& parameters = request.parameters();
  LogitLensOptions options;
  options.top_k = parameters.integer("top_k");
  options.target = request.target().value_or(parse_target(model(), parameters.text("target")));
  options.points = parameters.list("points");
  options.norm = parameters.boolean("norm");
  options.mask = parameters.text("mask");
  return options;
}

Dataset LogitLensTool::run(const Request& request) {
  return analyze(request.tokens(), options_of(request));
}

bool LogitLensTool::takes_batches() const {
  return true;
}

/// One readout for the rows of all requests, so that the unembedding is packed once.
std::vector<Dataset> LogitLensTool::run_batch(std::span<const Request> requests) {
  std::vector<Prompt> prompts;
  prompts.reserve(requests.size());
  for (const Request& request : requests) {
    // Requests of a run have the same parameters; others are answered one by one.
    if (request.parameters().values() != requests.front().parameters().values())
      return Tool::run_batch(requests);
    prompts.push_back({request.tokens(), options_of(request).target});
  }
  if (prompts.empty()) return {};
  return analyze_all(std::move(prompts), options_of(requests.front()));
}

Dataset LogitLensTool::analyze(const Tokens& tokens, const LogitLensOptions& options) {
  return std::move(analyze_all({{tokens, options.target}}, options).front());
}

/// Reads everything of a prompt that is decoded.
void LogitLensTool::read(Prompt& prompt, const LogitLensOptions& options) {
  // In a masked-language model `next` means the model's own prediction.
  prompt.target = meant_target(model(), prompt.target);
  check_tokens(prompt.tokens);
  prompt.masked = masked_positions(model(), prompt.tokens, options.mask);
  prompt.points = read_residuals(context(), prompt.tokens, options.points);
  // The reference of divergences and predictions, whatever points are decoded.
  prompt.last = final_residual(context(), prompt.tokens);
}

std::vector<Dataset> LogitLensTool::analyze_all(std::vector<Prompt> prompts,
                                                const LogitLensOptions& options) {
  check_top_k(model(), options.top_k);
  check_norm(model(), options.norm);
  const std::int64_t n_layers = model().spec().n_layers;
  std::vector<Dataset> datasets;
  datasets.reserve(prompts.size());
  for (Prompt& prompt : prompts) {
    read(prompt, options);
    datasets.push_back(with_token_axis(prompt.tokens));
    add_axes(datasets.back(), prompt.points, n_layers, options.top_k);
  }
  for (std::size_t point = 0; point < options.points.size(); ++point)
    add_answers(datasets, prompts, point, options);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].masked.defined()) add_masked(datasets[i], prompts[i].masked);
    LogitLensOptions own = options;
    own.target = prompts[i].target;
    add_attributes(datasets[i], model(), prompts[i].tokens, own);
  }
  return datasets;
}

/// Decodes one kind of point for all prompts, and adds to each dataset what concerns its prompt.
void LogitLensTool::add_answers(std::vector<Dataset>& datasets, std::vector<Prompt>& prompts,
                                std::size_t point, const LogitLensOptions& options) const {
  const std::string& name = options.points[point];
  const bool is_stream = name == "resid_post";
  std::vector<Answer> answers =
      answers_of(decode(question_of(model(), prompts, point, options)), prompts);
  // Only the stream with its norm ends in the model's own logits. The receipt needs the values of
  // all positions, of which a masked-language model loses some below.
  if (is_stream && options.norm) add_receipts(datasets, model(), prompts, point, answers);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Dataset& dataset = datasets[i];
    keep_masked(answers[i], prompts[i].masked);
    if (!dataset.contains("target_id"))
      dataset.add("target_id", {"token"}, answers[i].readout.target_ids.to(at::kInt), "1",
                  "token that the target columns score", Holds::token_ids);
    add_point(dataset, name, is_stream ? "layer" : "block", answers[i]);
    if (is_stream) add_settling(dataset, answers[i]);
    if (is_stream && options.norm) add_claims(dataset);
  }
}

}  // namespace lensbench::lens
