#include "grading/exact/exact_forward.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace lensbench::grading {
namespace {

at::Tensor add_bias(const at::Tensor& values, const at::Tensor& bias) {
  return bias.defined() ? values + bias : values;
}

/// 1 / scale of a norm, and the mean that it takes off: [..., 1].
std::pair<at::Tensor, at::Tensor> statistics(const NormSpec& spec, const at::Tensor& x) {
  const at::Tensor mean = spec.kind == NormKind::layer_norm ? x.mean(-1, true) : at::zeros({1}, x.options());
  const at::Tensor variance = (x - mean).square().mean(-1, true);
  return {(variance + spec.epsilon).rsqrt(), mean};
}

at::Tensor norm(const NormSpec& spec, const at::Tensor& x, const at::Tensor& gain,
                const at::Tensor& bias) {
  const auto [inverse, mean] = statistics(spec, x);
  return add_bias((x - mean) * inverse * gain, bias);
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
  }
  return x;
}

/// Rotates [prompt, pos, head, d_head] by position, pairs (i, i + rotary_dim / 2).
at::Tensor rotate(const RopeSpec& rope, const at::Tensor& x) {
  const std::int64_t half = rope.rotary_dim / 2;
  const at::Tensor index = at::arange(half, x.options()) * 2.0 / static_cast<double>(rope.rotary_dim);
  const at::Tensor angles = at::arange(x.size(1), x.options()).unsqueeze(1) *
                            at::pow(at::scalar_tensor(rope.theta, x.options()), -index);
  const at::Tensor cosine = at::cos(angles).unsqueeze(1), sine = at::sin(angles).unsqueeze(1);
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  const at::Tensor rest = x.narrow(-1, 2 * half, x.size(-1) - 2 * half);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine, rest}, -1);
}

/// One forward over fixed prompts.
class ExactForward {
 public:
  ExactForward(const ExactModel& model, const Changes& changes)
      : model_(model), spec_(model.spec), changes_(changes) {}

  ExactRun run(const at::Tensor& ids, const at::Tensor& positions) const {
    ExactRun run;
    at::Tensor x = at::embedding(model_.embedding, ids) * spec_.embedding_scale;
    if (model_.positions.defined()) x = x + model_.positions.narrow(0, 0, ids.size(1));
    run.embedding = x;
    for (std::int64_t layer = 0; layer < spec_.n_layers; ++layer) x = block(layer, x, run);
    if (changes_.stream) changes_.stream(spec_.n_layers, x);
    run.streams.push_back(x);
    at::Tensor last = rows_at(x, positions);
    if (reads(spec_.n_layers, Slot::logits)) last = last + rows_at(changes_.difference, positions);
    run.logits = read_out(model_, last);
    return run;
  }

 private:
  bool reads(std::int64_t layer, Slot slot) const {
    return changes_.reader && changes_.reader->layer == layer && changes_.reader->slot == slot;
  }

  at::Tensor block(std::int64_t layer, at::Tensor x, ExactRun& run) const {
    const ExactBlock& weights = model_.blocks[static_cast<std::size_t>(layer)];
    if (changes_.stream) changes_.stream(layer, x);
    run.streams.push_back(x);
    at::Tensor heads = attention(layer, weights, x, run);
    if (changes_.heads) changes_.heads(layer, heads);
    run.heads.push_back(heads);
    x = x + add_bias(heads.sum(2), weights.output_bias);
    at::Tensor mlp = neurons(layer, weights, x, run);
    if (changes_.mlp) changes_.mlp(layer, mlp);
    run.mlps.push_back(mlp);
    return x + mlp;
  }

  /// Queries, keys or values [prompt, pos, head, d_head]. Only the head of the changed reader reads
  /// the changed stream.
  at::Tensor project(std::int64_t layer, Slot slot, const ExactBlock& weights, const at::Tensor& x,
                     const at::Tensor& weight, const at::Tensor& bias) const {
    const auto of = [&](const at::Tensor& stream) {
      const at::Tensor normal = norm(spec_.norm, stream, weights.gain1, weights.bias1);
      return add_bias(at::matmul(normal, weight), bias)
          .view({x.size(0), x.size(1), spec_.attention.n_heads, spec_.attention.d_head});
    };
    at::Tensor values = of(x);
    if (!reads(layer, slot)) return values;
    const std::int64_t head = changes_.reader->head;
    values.select(2, head).copy_(of(x + changes_.difference).select(2, head));
    return values;
  }

  at::Tensor attention(std::int64_t layer, const ExactBlock& weights, const at::Tensor& x,
                       ExactRun& run) const {
    at::Tensor q = project(layer, Slot::q, weights, x, weights.query, weights.query_bias);
    at::Tensor k = project(layer, Slot::k, weights, x, weights.key, weights.key_bias);
    const at::Tensor v = project(layer, Slot::v, weights, x, weights.value, weights.value_bias);
    if (spec_.rope) {
      q = rotate(*spec_.rope, q);
      k = rotate(*spec_.rope, k);
    }
    const AttentionSpec& attention = spec_.attention;
    const double scale = attention.layer_scale.empty()
                             ? attention.scale
                             : attention.scale * attention.layer_scale[static_cast<std::size_t>(layer)];
    const at::Tensor later = at::ones({x.size(1), x.size(1)}, at::kBool).triu(1);
    const at::Tensor scores = (at::einsum("nqhd,nkhd->nhqk", {q, k}) * scale)
                                  .masked_fill(later, -std::numeric_limits<double>::infinity());
    const at::Tensor pattern = scores.softmax(-1);
    run.patterns.push_back(pattern);
    const at::Tensor mixed = at::einsum("nhqk,nkhd->nqhd", {pattern, v});
    return at::einsum("nqhd,hdm->nqhm", {mixed, weights.output});
  }

  at::Tensor neurons(std::int64_t layer, const ExactBlock& weights, const at::Tensor& x,
                     ExactRun& run) const {
    const at::Tensor read = reads(layer, Slot::in) ? x + changes_.difference : x;
    const at::Tensor normal = norm(spec_.norm, read, weights.gain2, weights.bias2);
    const at::Tensor up = add_bias(at::matmul(normal, weights.in), weights.in_bias);
    at::Tensor active =
        weights.gate.defined()
            ? activate(spec_.mlp.activation, at::matmul(normal, weights.gate)) * up
            : activate(spec_.mlp.activation, up);
    if (changes_.neurons) changes_.neurons(layer, active);
    run.neurons.push_back(active);
    return add_bias(at::matmul(active, weights.out), weights.out_bias);
  }

  const ExactModel& model_;
  const TransformerSpec& spec_;
  const Changes& changes_;
};

}  // namespace

ExactRun run_exact(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                   const Changes& changes) {
  return ExactForward(model, changes).run(ids, positions);
}

at::Tensor exact_logits(const ExactModel& model, const at::Tensor& ids, const at::Tensor& positions,
                        const Changes& changes) {
  return run_exact(model, ids, positions, changes).logits;
}

at::Tensor read_out(const ExactModel& model, const at::Tensor& stream) {
  return at::matmul(norm(model.spec.norm, stream, model.gain, model.bias), model.unembedding);
}

at::Tensor frozen_norm(const ExactModel& model, const at::Tensor& stream, const at::Tensor& write) {
  const at::Tensor inverse = statistics(model.spec.norm, stream).first;
  const at::Tensor centred =
      model.spec.norm.kind == NormKind::layer_norm ? write - write.mean(-1, true) : write;
  return centred * inverse * model.gain;
}

at::Tensor rows_at(const at::Tensor& values, const at::Tensor& positions) {
  return values.index({at::arange(values.size(0), at::kLong), positions});
}

}  // namespace lensbench::grading
