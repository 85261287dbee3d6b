#include "logit_lens.hpp"

#include <ATen/ATen.h>

#include <lensbench/error.hpp>
#include <utility>

#include "decode.hpp"
#include "masked.hpp"
#include "result.hpp"

namespace lensbench::lens {
namespace {

void check_tokens(const Tokens& tokens) {
  if (tokens.ids.empty())
    throw UsageError("logit_lens: the prompt is empty; give at least one token");
}

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

Dataset with_token_axis(const Tokens& tokens) {
  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  return dataset;
}

/// Everything that a decoding needs in addition to its options.
Question make_question(const Model& model, const Tokens& tokens, std::vector<at::Tensor> layers,
                       at::Tensor final_residual, const Target& target) {
  Question question;
  question.model = &model;
  question.layers = std::move(layers);
  question.final_residual = std::move(final_residual);
  question.target = meant_target(model, target);
  question.next_ids = next_ids(tokens);
  return question;
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

std::int64_t checked_position(std::int64_t position, std::int64_t length) {
  const std::int64_t index = position < 0 ? position + length : position;
  if (index >= 0 && index < length) return index;
  throw UsageError("logit_lens: position " + std::to_string(position) +
                   " is outside the prompt of " + std::to_string(length) +
                   " tokens; give -1 for the last one");
}

/// The stream after all blocks if the model goes on normally from `residual`.
at::Tensor run_remaining_blocks(const Model& model, const Tokens& tokens, std::int64_t layer,
                                const at::Tensor& residual) {
  if (layer == model.spec().n_layers) return residual;
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.start_at_layer = layer;
  options.residual = residual.unsqueeze(0);
  return model.forward(make_batch(tokens), options).residual.select(0, 0);
}

}  // namespace

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
}

Dataset LogitLensTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  LogitLensOptions options;
  options.top_k = parameters.integer("top_k");
  options.target = request.target().value_or(parse_target(model(), parameters.text("target")));
  options.points = parameters.list("points");
  options.norm = parameters.boolean("norm");
  options.mask = parameters.text("mask");
  return analyze(request.tokens(), options);
}

Dataset LogitLensTool::analyze(const Tokens& tokens, const LogitLensOptions& asked) {
  LogitLensOptions options = asked;
  // In a masked-language model `next` means the model's own prediction.
  options.target = meant_target(model(), asked.target);
  check_tokens(tokens);
  check_top_k(model(), options.top_k);
  check_norm(model(), options.norm);
  const at::Tensor masked = masked_positions(model(), tokens, options.mask);
  std::vector<Residuals> points = read_residuals(context(), tokens, options.points);
  // The reference of divergences and predictions, whatever points are decoded.
  const at::Tensor last = final_residual(context(), tokens);
  Dataset dataset = with_token_axis(tokens);
  add_axes(dataset, points, model().spec().n_layers, options.top_k);
  const std::int64_t n_layers = model().spec().n_layers;
  for (Residuals& residuals : points) {
    const bool is_stream = residuals.point == "resid_post";
    at::Tensor before_last;
    // A forward of a single block is a whole one.
    if (is_stream && n_layers > 1)
      before_last = residuals.layers[static_cast<std::size_t>(n_layers - 1)];
    Question question =
        make_question(model(), tokens, std::move(residuals.layers), last, options.target);
    question.norm = options.norm;
    question.top_k = options.top_k;
    Answer answer = decode(question);
    // Only the stream with its norm ends in the model's own logits.
    if (is_stream && options.norm)
      dataset.receipts.push_back(last_layer_receipt(model(), tokens, before_last, answer.readout));
    // After the receipt, which needs the values of all positions.
    keep_masked(answer, masked);
    if (!dataset.contains("target_id"))
      dataset.add("target_id", {"token"}, answer.readout.target_ids.to(at::kInt), "1",
                  "token that the target columns score", Holds::token_ids);
    add_point(dataset, residuals.point, is_stream ? "layer" : "block", answer);
    if (is_stream) add_settling(dataset, answer);
  }
  if (masked.defined()) add_masked(dataset, masked);
  add_attributes(dataset, model(), tokens, options);
  return dataset;
}

/// One layer and one target, without the distributions, which would need sums over layers.
Dataset LogitLensTool::at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                                LensPath path) {
  check_tokens(tokens);
  const std::int64_t n_layers = model().spec().n_layers;
  if (layer < 0 || layer > n_layers)
    throw UsageError("logit_lens: layer " + std::to_string(layer) +
                     " does not exist; give 0 (the " + "embedding) to " + std::to_string(n_layers));
  at::Tensor residual = read_residuals(context(), tokens, {"resid_post"})
                            .front()
                            .layers[static_cast<std::size_t>(layer)];
  if (path == LensPath::indirect) residual = run_remaining_blocks(model(), tokens, layer, residual);
  // Divergences and entropies are not asked for, so the readout computes logits and log-sum-exp
  // only.
  Question question =
      make_question(model(), tokens, {residual}, final_residual(context(), tokens), target);
  question.distributions = false;
  const Readout r = decode(question).readout;
  Dataset dataset = with_token_axis(tokens);
  dataset.add("target_id", {"token"}, r.target_ids.to(at::kInt), "1", "token that is scored",
              Holds::token_ids);
  dataset.add("probability", {"token"}, r.target_log_probabilities[0].exp(), "1",
              "probability of the target");
  dataset.add("logit", {"token"}, r.target_logits[0], "1", "logit of the target");
  dataset.add("rank", {"token"}, r.target_ranks[0], "1",
              "1 + number of tokens with a strictly larger logit than the target");
  dataset.attributes["layer"] = layer;
  dataset.attributes["path"] = path == LensPath::direct
                                   ? "direct: final norm and unembedding"
                                   : "indirect: through the remaining blocks first";
  dataset.attributes["target"] = to_string(meant_target(model(), target));
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  return dataset;
}

/// One position at all layers: the rows are one position long.
Dataset LogitLensTool::layer_logits(const Tokens& tokens, const Target& target,
                                    std::int64_t position) {
  check_tokens(tokens);
  const std::int64_t index = checked_position(position, tokens.size());
  const std::vector<Residuals> stream = read_residuals(context(), tokens, {"resid_post"});
  std::vector<at::Tensor> rows;
  for (const at::Tensor& layer : stream.front().layers) rows.push_back(layer.narrow(0, index, 1));
  const at::Tensor last = rows.back();
  Question question = make_question(model(), tokens, std::move(rows), last, target);
  question.next_ids = question.next_ids.narrow(0, index, 1);
  question.distributions = false;
  const Readout r = decode(question).readout;
  Dataset dataset;
  add_layer_axis(dataset, model().spec().n_layers);
  dataset.add("target_id", {}, r.target_ids[0].to(at::kInt), "1", "token that is scored",
              Holds::token_ids);
  dataset.add("target_logit", {"layer"}, r.target_logits.select(1, 0), "1",
              "logit of the target read at each layer");
  dataset.attributes["position"] = index;
  dataset.attributes["target"] = to_string(meant_target(model(), target));
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  return dataset;
}

}  // namespace lensbench::lens
