#include "decode.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>

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

/// Targets of a block of positions, with the model's own choice where none is given.
at::Tensor target_ids(const Question& question, const at::Tensor& rows, const Block& block) {
  if (!question.target_ids.defined()) return top_of_last_layer(*question.model, rows);
  const at::Tensor ids = block.of(question.target_ids);
  const at::Tensor open = ids.lt(0).nonzero().reshape({-1});
  if (open.numel() == 0) return ids;
  return ids.index_copy(0, open, top_of_last_layer(*question.model, rows.index_select(1, open)));
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
  tensors.reserve(parts.size());
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

}  // namespace

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

Answer positions_of(const Answer& answer, std::int64_t first, std::int64_t count) {
  const auto along = [&](const at::Tensor& values, std::int64_t axis) {
    // Contiguous, since vectorised functions give other last bits for rows that are apart.
    return values.defined() ? values.narrow(axis, first, count).contiguous() : values;
  };
  Answer part;
  for (at::Tensor Readout::*member :
       {&Readout::top_ids, &Readout::top_logits, &Readout::top_probabilities, &Readout::log_sum_exp,
        &Readout::entropy, &Readout::kl_to_last, &Readout::target_logits,
        &Readout::target_log_probabilities, &Readout::target_ranks})
    part.readout.*member = along(answer.readout.*member, 1);
  part.readout.target_ids = along(answer.readout.target_ids, 0);
  part.cross_entropy = along(answer.cross_entropy, 1);
  part.predicted_ids = along(answer.predicted_ids, 0);
  return part;
}

at::Tensor asked_ids(const Target& target, const at::Tensor& next_ids) {
  if (target.kind == Target::Kind::token) return at::full_like(next_ids, target.id);
  if (target.kind == Target::Kind::model) return at::full_like(next_ids, -1);
  return next_ids;
}

at::Tensor next_ids(const Tokens& tokens) {
  at::Tensor ids = at::full({tokens.size()}, -1, at::kLong);
  std::copy(tokens.ids.begin() + 1, tokens.ids.end(), ids.data_ptr<std::int64_t>());
  return ids;
}

}  // namespace lensbench::lens
