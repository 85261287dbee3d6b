#include "component_shift.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <map>
#include <utility>
#include <vector>

namespace model_comparison {
namespace {

using namespace lensbench;

// A sum of all components against the order of the forward, in float32 and in half precision.
constexpr double kTolerance = 1e-4, kHalfTolerance = 5e-2;

/// What one model writes, and what it means for the logit of a token.
struct Reading {
  std::vector<std::string> labels;  ///< labels of the components
  at::Tensor outputs;               ///< [component, pos, d_model] float64
  at::Tensor streams;               ///< [layer, pos, d_model] float64
  at::Tensor parts;                 ///< [component + 1, pos] float64; the last is the bias
  double logit = 0;    ///< logit of the model itself at the last token, after a softcap
  double largest = 0;  ///< largest logit there, absolute
};

std::vector<std::string> hook_points_of(const TransformerSpec& spec) {
  // The first are the embeddings that the model has: of tokens, pictures and positions.
  return {"hook_*embed", "blocks.*.hook_attn_out", "blocks.*.hook_mlp_out",
          "blocks.*.hook_resid_pre", residual_hook(spec, spec.n_layers)};
}

/// What the final norm divides each position by, [pos, 1]. The forward computes it at the positions
/// whose logits it returns, here only the last.
at::Tensor final_scale(const TransformerSpec& spec, const at::Tensor& stream) {
  const at::Tensor centred =
      spec.norm.kind == NormKind::layer_norm ? stream - stream.mean(-1, true) : stream;
  return (centred.square().mean(-1, true) + spec.norm.epsilon).sqrt();
}

/// Part of each component in the logit of the target at every position, [component, pos] float64.
at::Tensor parts_of(const Model& model, const at::Tensor& outputs, const at::Tensor& last_stream,
                    std::int64_t target) {
  std::map<std::string, at::Tensor> activations;
  if (model.spec().final_norm)
    activations["ln_final.hook_scale"] = final_scale(model.spec(), last_stream);
  const ActivationCache cache(model, std::move(activations), /*has_batch_dim=*/false);
  return cache.logit_attrs(outputs, target).to(at::kCPU).to(at::kDouble);
}

/// Logit that the biases of final norm and unembedding give alone: that of a stream of zeros.
double bias_of(const Model& model, std::int64_t target) {
  const at::Tensor nothing = at::zeros({1, model.spec().d_model},
                                       at::TensorOptions(model.options().device).dtype(at::kFloat));
  const Unembedding& unembedding = model.unembedding();
  const at::Tensor row = unembedding.weight[target].to(at::kDouble);
  double logit = model.final_norm(nothing)[0].to(at::kDouble).mul(row).sum().item<double>();
  if (unembedding.bias.defined()) logit += unembedding.bias[target].item<double>();
  return logit * unembedding.logit_scale;
}

Reading read(const Model& model, const Tokens& tokens, std::int64_t target) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::last;
  auto [logits, cache] =
      run_with_cache(model, make_batch(tokens), hook_points_of(model.spec()), options);
  cache.remove_batch_dim();
  const LabelledStack stack = cache.decompose_resid();
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kCPU).to(at::kDouble); };
  const at::Tensor outputs = wide(stack.values);
  const at::Tensor streams = wide(cache.accumulated_resid().values);
  const at::Tensor parts = parts_of(model, outputs, streams[-1], target);
  const at::Tensor bias = at::full({1, tokens.size()}, bias_of(model, target), at::kDouble);
  const at::Tensor own = wide(logits).flatten();
  return {stack.labels,
          outputs,
          streams,
          at::cat({parts, bias}),
          own[target].item<double>(),
          own.abs().max().item<double>()};
}

/// Difference between the summed parts and the logit of the model itself, relative to its largest.
double error_of(const Reading& reading, const Model& model) {
  const double cap = model.unembedding().logit_softcap;
  const double sum = reading.parts.select(1, -1).sum().item<double>();
  const double logit = cap == 0 ? sum : cap * std::tanh(sum / cap);
  return std::abs(logit - reading.logit) / std::max(1.0, reading.largest);
}

/// |x - y| / |y| over the last axis.
at::Tensor moved(const at::Tensor& x, const at::Tensor& y) {
  return (x - y).norm(2, -1) / y.norm(2, -1);
}

}  // namespace

std::string no_component_shift(const Model& model, const Model& other) {
  const TransformerSpec &ours = model.spec(), &theirs = other.spec();
  const auto differs = [](std::int64_t found, const char* what, std::int64_t expected) {
    return "it has " + std::to_string(found) + what + ", expected " + std::to_string(expected);
  };
  if (theirs.family != ours.family)
    return "its family is '" + theirs.family + "', expected '" + ours.family + "'";
  if (ours.masked_language_model) return "the models predict masked tokens";
  if (theirs.n_layers != ours.n_layers) return differs(theirs.n_layers, " blocks", ours.n_layers);
  if (theirs.d_model != ours.d_model)
    return differs(theirs.d_model, " dimensions (d_model)", ours.d_model);
  if (model.unembedding().weight.size(1) != ours.d_model)
    return "the unembedding of this family reads a projection of the stream";
  return "";
}

Dataset component_shift(const Model& model, const Model& other, const Tokens& tokens,
                        std::int64_t target) {
  const Reading own = read(model, tokens, target), theirs = read(other, tokens, target);
  Dataset result;
  add_token_axis(result, tokens.ids, tokens.texts);
  add_layer_axis(result, model.spec().n_layers);
  result.add_coordinate("component", own.labels, "what writes to the residual stream");
  std::vector<std::string> parts = own.labels;
  parts.emplace_back("bias");
  result.add_coordinate("part", parts, "component, or the biases of final norm and unembedding");
  result.add(
      "moved", {"component", "token"}, moved(own.outputs, theirs.outputs), "1",
      "length of the change of the component's output over its length in the other model (NaN: it "
      "writes zeros there)");
  result.add("stream_moved", {"layer", "token"}, moved(own.streams, theirs.streams), "1",
             "length of the change of the residual stream over its length in the other model");
  result.add("stream_cosine", {"layer", "token"},
             at::cosine_similarity(own.streams, theirs.streams, -1), "1",
             "cosine of the residual streams of the two models");
  const at::Tensor change = own.parts - theirs.parts;
  result.add("change_explained", {"part", "token"}, change, "1",
             "direct attribution to the logit of the target, this model minus the other");
  result.add("logit_change", {"token"}, change.sum(0), "1",
             "logit of the target before any softcap, this model minus the other");
  result.set_attribute("moved", "view", std::string("bars"));
  result.set_attribute("stream_moved", "view", std::string("heatmap"));
  result.set_attribute("change_explained", "view", std::string("bars"));
  result.add("target_id", {"token"}, at::full({tokens.size()}, target, at::kLong), "1",
             "token whose logit is explained", Holds::token_ids);
  result.attributes["sign"] = std::string("this model - the other");
  const bool half = model.options().dtype == at::kBFloat16 || model.options().dtype == at::kHalf;
  result.receipts.push_back(make_receipt(
      "parts_sum_to_the_change", std::max(error_of(own, model), error_of(theirs, other)),
      half ? kHalfTolerance : kTolerance,
      "sum of the parts against the logit of each model at the last token, over its "
      "largest logit; order of rounding"));
  return result;
}

}  // namespace model_comparison
