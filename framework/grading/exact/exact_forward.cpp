#include "grading/exact/exact_forward.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tanh.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lensbench::grading {
namespace {

// Elements of the largest activation of one batch: it stays in the caches.
constexpr std::int64_t kBatchElements = std::int64_t{1} << 17;

at::Tensor add_bias(const at::Tensor& values, const at::Tensor& bias) {
  return bias.defined() ? values + bias : values;
}

/// 1 / scale of a norm [..., 1], and the values that it scales.
std::pair<at::Tensor, at::Tensor> centre(const NormSpec& spec, const at::Tensor& x) {
  const at::Tensor centred = spec.kind == NormKind::layer_norm ? x - x.mean(-1, true) : x;
  return {(centred.square().mean(-1, true) + spec.epsilon).rsqrt(), centred};
}

at::Tensor norm(const NormSpec& spec, const at::Tensor& x, const at::Tensor& gain,
                const at::Tensor& bias) {
  const auto [inverse, centred] = centre(spec, x);
  return add_bias(centred * inverse * gain, bias);
}

at::Tensor activate(Activation kind, const at::Tensor& x) {
  switch (kind) {
    case Activation::gelu:
      return 0.5 * x * (1.0 + at::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1.0 + at::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::quick_gelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return x * at::sigmoid(x);
    case Activation::relu_squared:
      return at::relu(x).square();
    case Activation::xielu:
      break;  // not an activation of the families here
  }
  return x;
}

/// Rotates [row, pos, head, d_head] by position, pairs (i, i + rotary_dim / 2).
at::Tensor rotate(const RopeSpec& rope, const at::Tensor& x) {
  const std::int64_t half = rope.rotary_dim / 2;
  const at::Tensor index =
      at::arange(half, x.options()) * 2.0 / static_cast<double>(rope.rotary_dim);
  const at::Tensor angles = at::arange(x.size(1), x.options()).unsqueeze(1) *
                            at::pow(at::scalar_tensor(rope.theta, x.options()), -index);
  const at::Tensor cosine = at::cos(angles).unsqueeze(1), sine = at::sin(angles).unsqueeze(1);
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  const at::Tensor rest = x.narrow(-1, 2 * half, x.size(-1) - 2 * half);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine, rest}, -1);
}

/// What a reader sees in addition to the stream; undefined: nothing.
using Differences = std::function<at::Tensor(const Reader&)>;

Differences difference_of_one(const Reader& reader, const at::Tensor& difference) {
  if (!difference.defined()) return {};
  return [=](const Reader& other) { return other == reader ? difference : at::Tensor(); };
}

/// One forward over streams [row, pos, d_model].
class ExactForward {
 public:
  explicit ExactForward(const ExactModel& model, Differences differences = {})
      : model_(model), spec_(model.spec), differences_(std::move(differences)) {}

  /// The stream after attention.
  at::Tensor attend(std::int64_t layer, const at::Tensor& x, ExactRun* run) const {
    const ExactBlock& weights = block(layer);
    const at::Tensor normal = norm(spec_.norm, x, weights.gain1, weights.bias1);
    at::Tensor q = project(layer, Slot::q, x, normal, weights.query, weights.query_bias);
    at::Tensor k = project(layer, Slot::k, x, normal, weights.key, weights.key_bias);
    const at::Tensor v = project(layer, Slot::v, x, normal, weights.value, weights.value_bias);
    if (spec_.rope) {
      q = rotate(*spec_.rope, q);
      k = rotate(*spec_.rope, k);
    }
    const at::Tensor pattern = attention_pattern(layer, q, k);
    // [row, pos, head, d_head]
    const at::Tensor mixed = at::matmul(pattern, v.transpose(1, 2)).transpose(1, 2);
    if (run) record_heads(weights, pattern, mixed, *run);
    const at::Tensor out =
        at::matmul(mixed.reshape({x.size(0), x.size(1), -1}), weights.output.flatten(0, 1));
    return (model_.adds_to_norm() ? normal : x) + add_bias(out, weights.output_bias);
  }

  /// The stream after the MLP, of the stream after attention.
  at::Tensor think(std::int64_t layer, const at::Tensor& x, ExactRun* run) const {
    const ExactBlock& weights = block(layer);
    const at::Tensor difference = difference_of({Slot::in, layer, -1});
    const at::Tensor normal =
        norm(spec_.norm, difference.defined() ? x + difference : x, weights.gain2, weights.bias2);
    const at::Tensor up = add_bias(at::matmul(normal, weights.in), weights.in_bias);
    const at::Tensor active =
        weights.gate.defined()
            ? activate(spec_.mlp.activation, at::matmul(normal, weights.gate)) * up
            : activate(spec_.mlp.activation, up);
    const at::Tensor out = add_bias(at::matmul(active, weights.out), weights.out_bias);
    if (run) {
      run->neurons.push_back(active);
      run->mlps.push_back(out);
    }
    return (model_.adds_to_norm() ? normal : x) + out;
  }

  at::Tensor logits(const at::Tensor& x, const at::Tensor& positions) const {
    const at::Tensor last = rows_at(x, positions);
    const at::Tensor difference = difference_of({Slot::logits, spec_.n_layers, -1});
    return read_out(model_, difference.defined() ? last + rows_at(difference, positions) : last);
  }

 private:
  const ExactBlock& block(std::int64_t layer) const {
    return model_.blocks[static_cast<std::size_t>(layer)];
  }

  at::Tensor difference_of(const Reader& reader) const {
    return differences_ ? differences_(reader) : at::Tensor();
  }

  /// Queries, keys or values [row, pos, head, d_head]. Each head reads the stream with its own
  /// difference.
  at::Tensor project(std::int64_t layer, Slot slot, const at::Tensor& x, const at::Tensor& normal,
                     const at::Tensor& weight, const at::Tensor& bias) const {
    const auto of = [&](const at::Tensor& normalised) {
      return add_bias(at::matmul(normalised, weight), bias)
          .view({x.size(0), x.size(1), spec_.attention.n_heads, spec_.attention.d_head});
    };
    at::Tensor values = of(normal);
    for (std::int64_t head = 0; differences_ && head < spec_.attention.n_heads; ++head) {
      const at::Tensor difference = difference_of({slot, layer, head});
      if (!difference.defined()) continue;
      const at::Tensor other =
          of(norm(spec_.norm, x + difference, block(layer).gain1, block(layer).bias1));
      values.select(2, head).copy_(other.select(2, head));
    }
    return values;
  }

  at::Tensor attention_pattern(std::int64_t layer, const at::Tensor& q, const at::Tensor& k) const {
    const AttentionSpec& attention = spec_.attention;
    double scale = attention.scale;
    if (!attention.layer_scale.empty())
      scale *= attention.layer_scale[static_cast<std::size_t>(layer)];
    const at::Tensor scores = at::matmul(q.transpose(1, 2), k.permute({0, 2, 3, 1})) * scale;
    if (!attention.causal) return scores.softmax(-1);
    const at::Tensor later = at::ones({q.size(1), q.size(1)}, at::kBool).triu(1);
    return scores.masked_fill(later, -std::numeric_limits<double>::infinity()).softmax(-1);
  }

  static void record_heads(const ExactBlock& weights, const at::Tensor& pattern,
                           const at::Tensor& mixed, ExactRun& run) {
    run.patterns.push_back(pattern);
    // [row, pos, head, 1, d_head] times [head, d_head, d_model]
    run.heads.push_back(at::matmul(mixed.unsqueeze(3), weights.output).squeeze(3));
  }

  const ExactModel& model_;
  const TransformerSpec& spec_;
  Differences differences_;
};

void fill_run(const ExactModel& model, const ExactForward& forward, const at::Tensor& ids,
              const at::Tensor& positions, ExactRun& run) {
  at::Tensor x = at::embedding(model.embedding, ids) * model.spec.embedding_scale;
  if (model.positions.defined()) x = x + model.positions.narrow(0, 0, ids.size(1));
  for (std::int64_t layer = 0; layer < model.spec.n_layers; ++layer) {
    run.streams.push_back(x);
    x = forward.attend(layer, x, &run);
    run.middles.push_back(x);
    x = forward.think(layer, x, &run);
  }
  run.streams.push_back(x);
  run.logits = forward.logits(x, positions);
}

at::Tensor batch_from(const ExactModel& model, const ExactForward& forward, const Start& start,
                      at::Tensor x, const at::Tensor& positions) {
  for (std::int64_t layer = start.layer; layer < model.spec.n_layers; ++layer) {
    if (layer > start.layer || !start.after_attention) x = forward.attend(layer, x, nullptr);
    x = forward.think(layer, x, nullptr);
  }
  return forward.logits(x, positions);
}

}  // namespace

ExactRun run_exact(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions) {
  ExactRun run;
  fill_run(model, ExactForward(model), ids, positions, run);
  return run;
}

ExactRun run_with(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                  const std::function<at::Tensor(const Reader&, const ExactRun&)>& difference) {
  ExactRun run;
  const ExactForward forward(model, [&](const Reader& reader) { return difference(reader, run); });
  fill_run(model, forward, ids, positions, run);
  return run;
}

at::Tensor logits_from(const ExactModel& model, const Start& start, const at::Tensor& streams,
                       const at::Tensor& positions, const Reader& reader,
                       const at::Tensor& difference) {
  const std::int64_t width = std::max({model.spec.d_model, model.spec.mlp.d_mlp, streams.size(1)});
  const std::int64_t step = std::max<std::int64_t>(1, kBatchElements / (streams.size(1) * width));
  std::vector<at::Tensor> logits;
  for (std::int64_t begin = 0; begin < streams.size(0); begin += step) {
    const std::int64_t rows = std::min(step, streams.size(0) - begin);
    const ExactForward forward(
        model, difference_of_one(reader, difference.defined() ? difference.narrow(0, begin, rows)
                                                              : at::Tensor()));
    logits.push_back(batch_from(model, forward, start, streams.narrow(0, begin, rows),
                                positions.narrow(0, begin, rows)));
  }
  return at::cat(logits);
}

at::Tensor read_out(const ExactModel& model, const at::Tensor& stream) {
  return read_out_at(model, model.spec.n_layers, stream);
}

at::Tensor read_out_at(const ExactModel& model, std::int64_t layer, const at::Tensor& stream) {
  const NormSpec& spec = model.spec.norm;
  const bool own = model.adds_to_norm() && layer < model.spec.n_layers;
  const ExactBlock* block = own ? &model.blocks[static_cast<std::size_t>(layer)] : nullptr;
  at::Tensor normal =
      norm(spec, stream, own ? block->gain1 : model.gain, own ? block->bias1 : model.bias);
  if (const ExactHead& head = model.head; head.dense.defined())
    normal = norm(spec,
                  activate(model.spec.head_activation,
                           add_bias(at::matmul(normal, head.dense), head.dense_bias)),
                  head.gain, head.bias);
  return add_bias(at::matmul(normal, model.unembedding), model.unembedding_bias);
}

at::Tensor frozen_norm(const ExactModel& model, const at::Tensor& stream, const at::Tensor& write) {
  const at::Tensor inverse = centre(model.spec.norm, stream).first;
  const at::Tensor centred =
      model.spec.norm.kind == NormKind::layer_norm ? write - write.mean(-1, true) : write;
  return centred * inverse * model.gain;
}

at::Tensor rows_at(const at::Tensor& values, const at::Tensor& positions) {
  return values.index({at::arange(values.size(0), at::kLong), positions});
}

}  // namespace lensbench::grading
