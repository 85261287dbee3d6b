#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <utility>

#include "decode.hpp"
#include "logit_lens.hpp"
#include "masked.hpp"
#include "result.hpp"

// Calls that read one target, without the distributions.

namespace lensbench::lens {
namespace {

/// Everything that a decoding needs in addition to its options.
Question make_question(const Model& model, const Tokens& tokens, std::vector<at::Tensor> layers,
                       at::Tensor final_residual, const Target& target) {
  Question question;
  question.model = &model;
  question.layers = std::move(layers);
  question.final_residual = std::move(final_residual);
  question.next_ids = next_ids(tokens);
  question.target_ids = asked_ids(meant_target(model, target), question.next_ids);
  return question;
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

void add_question(Dataset& dataset, const Model& model, const Tokens& tokens,
                  const Target& target) {
  Provenance{.definition = "logit_lens/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["target"] = to_string(meant_target(model, target));
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
}

void add_target(Dataset& dataset, const Readout& r) {
  dataset.add("target_id", {"token"}, r.target_ids.to(at::kInt), "1", "token that is scored",
              Holds::token_ids);
  dataset.add("probability", {"token"}, r.target_log_probabilities[0].exp(), "1",
              "probability of the target");
  dataset.add("logit", {"token"}, r.target_logits[0], "1", "logit of the target");
  dataset.add("rank", {"token"}, r.target_ranks[0], "1",
              "1 + number of tokens with a strictly larger logit than the target");
}

}  // namespace

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
  add_target(dataset, r);
  dataset.attributes["layer"] = layer;
  dataset.attributes["path"] = path == LensPath::direct
                                   ? "direct: final norm and unembedding"
                                   : "indirect: through the remaining blocks first";
  add_question(dataset, model(), tokens, target);
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
  add_question(dataset, model(), tokens, target);
  return dataset;
}

}  // namespace lensbench::lens
