#include "decode.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/profile.hpp>
#include <limits>
#include <map>
#include <utility>

namespace lensbench::lens {
namespace {

constexpr std::array<const char*, 5> kPoints = {"resid_post", "resid_pre", "resid_mid", "attn_out",
                                                "mlp_out"};

std::string hook(std::int64_t layer, const std::string& point) {
  return "blocks." + std::to_string(layer) + ".hook_" + point;
}

/// Hook names of a point, one for each layer. `resid_post` has one more: it is the stream, and
/// starts with the embedding.
std::vector<std::string> point_hooks(const TransformerSpec& spec, const std::string& point) {
  std::vector<std::string> names;
  if (point == "resid_post") {
    for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
      names.push_back(residual_hook(spec, layer));
  } else {
    for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
      names.push_back(hook(layer, point));
  }
  return names;
}

void check_points(const std::vector<std::string>& points) {
  if (points.empty())
    throw UsageError(
        "logit_lens: points is empty; give resid_post, resid_pre, resid_mid, attn_out "
        "or mlp_out, separated by commas");
  for (auto point = points.begin(); point != points.end(); ++point) {
    if (std::find(kPoints.begin(), kPoints.end(), *point) == kPoints.end())
      throw UsageError("logit_lens: point '" + *point +
                       "' is unknown; the points are resid_post, resid_pre, resid_mid, attn_out, "
                       "mlp_out");
    if (std::find(points.begin(), point, *point) != point)
      throw UsageError("logit_lens: point '" + *point + "' is listed twice");
  }
}

/// Activations of a batch of one, without the batch axis.
at::Tensor one_sequence(const std::map<std::string, at::Tensor>& activations,
                        const std::string& name) {
  return activations.at(name).select(0, 0);
}

/// Consecutive positions.
struct Block {
  std::int64_t first, count;
  at::Tensor of(const at::Tensor& positions) const { return positions.narrow(0, first, count); }
};

/// Rows [layer, pos, d_model] float32 of the requested layers, then those of the model's final
/// layer.
at::Tensor normalized_rows(const Question& question, const Block& block) {
  const Model& model = *question.model;
  const auto n_layers = static_cast<std::int64_t>(question.layers.size());
  at::Tensor rows = at::empty({n_layers + 1, block.count, model.unembedding().weight.size(1)});
  for (std::int64_t layer = 0; layer < n_layers; ++layer) {
    const at::Tensor residual = block.of(question.layers[static_cast<std::size_t>(layer)]);
    rows.select(0, layer).copy_(question.norm ? model.final_norm(residual) : residual);
  }
  // The model's own final layer is always the last row, so that divergence and prediction do not
  // depend on the points that were asked for.
  rows.select(0, n_layers).copy_(model.final_norm(block.of(question.final_residual)));
  return rows;
}

/// The readout is profiled as a component of its own.
Readout read(const Model& model, const at::Tensor& rows, const ReadoutOptions& options) {
  ProfileScope scope(profile_of(model), -1, "readout");
  if (scope.active()) scope.reads(static_cast<std::int64_t>(model.unembedding().weight.nbytes()));
  return read_out(model.unembedding(), rows, options);
}

/// The model's own choice, which ties resolve to the smaller id.
at::Tensor top_of_last_layer(const Model& model, const at::Tensor& rows) {
  ReadoutOptions options;
  options.top_k = 1;
  options.entropy = options.kl_to_last = false;
  return read(model, rows.narrow(0, rows.size(0) - 1, 1), options).top_ids.reshape({-1});
}

/// Targets of `next`: at the last position the model's own choice.
at::Tensor target_ids(const Question& question, const at::Tensor& rows, const Block& block) {
  if (question.target.kind == Target::Kind::token)
    return at::full({block.count}, question.target.id, at::kLong);
  if (question.target.kind == Target::Kind::model) return top_of_last_layer(*question.model, rows);
  at::Tensor ids = block.of(question.next_ids).clone();
  for (std::int64_t i = 0; i < block.count; ++i)
    if (ids[i].item<std::int64_t>() < 0)
      // Only the last position lacks a token that follows.
      ids.narrow(0, i, 1).copy_(top_of_last_layer(*question.model, rows.narrow(1, i, 1)));
  return ids;
}

/// Readout of all layers but the last, which was the model's own.
at::Tensor without_reference(const at::Tensor& values) {
  return values.defined() ? values.narrow(0, 0, values.size(0) - 1) : values;
}

/// Positions [first, first + count) at all layers.
Answer decode_block(const Question& question, const Block& block) {
  const at::Tensor rows = normalized_rows(question, block);
  const at::Tensor next = block.of(question.next_ids);
  ReadoutOptions options;
  // The best token is needed for the prediction even if no list is asked for.
  options.top_k = std::max<std::int64_t>(question.top_k, 1);
  options.target_ids = target_ids(question, rows, block);
  options.entropy = options.kl_to_last = question.distributions;
  const bool scored = question.distributions && !question.model->spec().masked_language_model;
  // -1 is not an id; its value is replaced by NaN afterwards.
  if (scored) options.scored_ids = next.clamp_min(0);
  Answer answer;
  answer.readout = read(*question.model, rows, options);
  answer.predicted_ids = answer.readout.top_ids.select(0, -1).select(1, 0).clone();
  if (scored)
    answer.cross_entropy = answer.readout.scored_log_probabilities.neg().masked_fill(
        next.lt(0), std::numeric_limits<double>::quiet_NaN());
  return answer;
}

/// The reference row is not one of the question's layers.
void keep_layers(Answer& answer) {
  Readout& r = answer.readout;
  for (at::Tensor* values :
       {&r.top_ids, &r.top_logits, &r.top_probabilities, &r.log_sum_exp, &r.entropy, &r.kl_to_last,
        &r.target_logits, &r.target_log_probabilities, &r.target_ranks, &answer.cross_entropy})
    *values = without_reference(*values);
}

at::Tensor join(const std::vector<Answer>& parts, at::Tensor Readout::*member, std::int64_t axis) {
  std::vector<at::Tensor> tensors;
  for (const Answer& part : parts) tensors.push_back(part.readout.*member);
  return tensors.front().defined() ? at::cat(tensors, axis) : at::Tensor();
}

/// Blocks are joined along the positions.
Answer join_blocks(std::vector<Answer>& parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Answer whole;
  for (at::Tensor Readout::*member :
       {&Readout::top_ids, &Readout::top_logits, &Readout::top_probabilities, &Readout::log_sum_exp,
        &Readout::entropy, &Readout::kl_to_last, &Readout::target_logits,
        &Readout::target_log_probabilities, &Readout::target_ranks})
    whole.readout.*member = join(parts, member, 1);
  whole.readout.target_ids = join(parts, &Readout::target_ids, 0);
  std::vector<at::Tensor> cross_entropy, predicted;
  for (const Answer& part : parts) {
    cross_entropy.push_back(part.cross_entropy);
    predicted.push_back(part.predicted_ids);
  }
  if (cross_entropy.front().defined()) whole.cross_entropy = at::cat(cross_entropy, 1);
  whole.predicted_ids = at::cat(predicted);
  return whole;
}

/// A forward with logits at the last position. It runs the last block only, from the stream as the
/// block before it leaves it, so that interventions in the last block act once.
ForwardOutput forward_again(const Model& model, const Tokens& tokens,
                            const at::Tensor& before_last) {
  ForwardOptions whole, part;
  whole.logits = part.logits = ForwardOptions::Logits::last;
  if (!before_last.defined()) return model.forward(make_batch(tokens), whole);
  part.start_at_layer = model.spec().n_layers - 1;
  part.residual = before_last.unsqueeze(0);
  try {
    return model.forward(make_batch(tokens), part);
  } catch (const UsageError&) {
    // A model with a `freeze` intervention only runs from the tokens.
    return model.forward(make_batch(tokens), whole);
  }
}

/// Largest sum of the absolute products of one logit, over some tokens at one position. Where large
/// products cancel, logits are rounded relative to it.
double size_of_products(const Model& model, const ForwardOutput& output, std::int64_t position,
                        const at::Tensor& ids) {
  const Unembedding& unembedding = model.unembedding();
  const at::Tensor row =
      model.final_norm(output.residual.select(0, 0).narrow(0, position, 1)).to(at::kDouble);
  const at::Tensor weights =
      unembedding.weight.index_select(0, ids.to(unembedding.weight.device())).to(at::kDouble);
  return std::abs(unembedding.logit_scale) * (weights * row).abs().sum(-1).max().item<double>();
}

/// The forward has logits at the last position only.
at::Tensor logits_at(const Model& model, const ForwardOutput& output, std::int64_t position) {
  const at::Tensor residual = output.residual.select(0, 0);
  if (position + 1 == residual.size(0)) return output.logits;
  return model.unembed(model.final_norm(residual.narrow(0, position, 1)));
}

bool is_half(at::ScalarType type) {
  return type == at::kHalf || type == at::kBFloat16;
}

}  // namespace

/// Points of the list may share names; the stream after the last block is always read.
std::vector<Residuals> read_residuals(Context& context, const Tokens& tokens,
                                      const std::vector<std::string>& points) {
  check_points(points);
  const TransformerSpec& spec = context.model().spec();
  std::vector<std::string> names = {residual_hook(spec, spec.n_layers)};
  for (const std::string& point : points)
    for (std::string& name : point_hooks(spec, point)) names.push_back(std::move(name));
  // The forward is shared with the other requests of the case.
  const auto activations = context.activations(tokens, names);
  std::vector<Residuals> all;
  for (const std::string& point : points) {
    Residuals residuals{point, {}};
    for (const std::string& name : point_hooks(spec, point))
      residuals.layers.push_back(one_sequence(activations, name));
    all.push_back(std::move(residuals));
  }
  return all;
}

at::Tensor final_residual(Context& context, const Tokens& tokens) {
  const TransformerSpec& spec = context.model().spec();
  const std::string name = residual_hook(spec, spec.n_layers);
  return one_sequence(context.activations(tokens, {name}), name);
}

/// Positions are independent, so they are decoded in blocks that bound the normalised copies.
Answer decode(const Question& question) {
  constexpr std::int64_t kElements = std::int64_t{1} << 23;  // 32 MiB of normalised rows
  const std::int64_t length = question.final_residual.size(0);
  const std::int64_t row =
      static_cast<std::int64_t>(question.layers.size() + 1) * question.final_residual.size(1);
  const std::int64_t count = std::max<std::int64_t>(1, kElements / row);
  std::vector<Answer> parts;
  for (std::int64_t first = 0; first < length; first += count) {
    parts.push_back(decode_block(question, {first, std::min(count, length - first)}));
    keep_layers(parts.back());
  }
  return join_blocks(parts);
}

at::Tensor next_ids(const Tokens& tokens) {
  at::Tensor ids = at::full({tokens.size()}, -1, at::kLong);
  std::copy(tokens.ids.begin() + 1, tokens.ids.end(), ids.data_ptr<std::int64_t>());
  return ids;
}

Receipt last_layer_receipt(const Model& model, const Tokens& tokens, const at::Tensor& before_last,
                           const Readout& readout) {
  // Positions from the first to the last at equal distances; all positions would cost a whole
  // unembedding.
  constexpr std::int64_t kPositions = 8;
  const ForwardOutput output = forward_again(model, tokens, before_last);
  const std::int64_t length = tokens.size(), n = std::min(length, kPositions);
  double difference = 0, scale = 1e-30;
  // NaN stays the largest difference, so that the receipt fails.
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t position = n == 1 ? 0 : i * (length - 1) / (n - 1);
    const at::Tensor logits =
        logits_at(model, output, position).reshape({-1}).to(at::Device(at::kCPU), at::kDouble);
    const auto differs = [&](const at::Tensor& ours, const at::Tensor& theirs) {
      const double most = (ours.to(at::kDouble) - theirs).abs().max().item<double>();
      difference = most > difference || std::isnan(most) ? most : difference;
    };
    const auto last = [&](const at::Tensor& values) { return values.select(0, -1)[position]; };
    differs(last(readout.top_logits), logits.gather(0, last(readout.top_ids)));
    differs(last(readout.log_sum_exp), logits.logsumexp(0));
    differs(last(readout.target_logits), logits[readout.target_ids[position].item<std::int64_t>()]);
    scale = std::max({scale, logits.abs().max().item<double>(),
                      size_of_products(model, output, position, last(readout.top_ids))});
  }
  const bool half = is_half(model.unembedding().weight.scalar_type());
  return make_receipt(
      "lens_last_layer_equals_logits", difference / scale, half ? 2e-2 : 2e-5,
      "relative to the largest logit, or sum of absolute products of a listed one, at " +
          std::to_string(n) + " positions; " +
          (half ? "half-precision products round at 2^-8" : "two orders of summation in float32"));
}

}  // namespace lensbench::lens
