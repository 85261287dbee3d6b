#include "vocabulary.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <functional>
#include <lensbench/sweep_receipts.hpp>
#include <utility>

#include "common/worst.hpp"

namespace lensbench::neurons {
namespace {

/// Tokens of the vocabulary that are widened at a time.
constexpr std::int64_t kTile = 4096;

std::string in_block(std::int64_t block, const std::string& name) {
  return "blocks." + std::to_string(block) + "." + name;
}

at::Tensor wide(const at::Tensor& x) {
  return x.to(at::kCPU, at::kDouble);
}

/// Centring of a LayerNorm over the last axis.
at::Tensor centred(const TransformerSpec& spec, const at::Tensor& x) {
  return spec.norm.kind == NormKind::layer_norm ? x - x.mean(-1, /*keepdim=*/true) : x;
}

/// Product with the gain of a norm, if it has one.
at::Tensor with_gain(const Model& model, const at::Tensor& x, const std::string& norm) {
  return model.spec().norm.has_gain ? x * wide(model.weight(norm + ".w")) : x;
}

bool has_norm_after(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::after_sublayer ||
         spec.norm_placement == NormPlacement::before_and_after;
}

/// What a neuron adds to the stream for a unit of activation, [d_model].
at::Tensor written(const Model& model, const NeuronId& neuron) {
  const TransformerSpec& spec = model.spec();
  const at::Tensor row =
      wide(model.weight(in_block(neuron.block, "mlp.W_out")).select(0, neuron.index));
  if (!has_norm_after(spec)) return row * spec.residual_scale;
  return with_gain(model, centred(spec, row), in_block(neuron.block, "ln2_post")) *
         spec.residual_scale;
}

/// Largest and smallest of values that are given a tile of the vocabulary at a time.
TopTokens top_tokens(
    std::int64_t vocabulary, std::int64_t k,
    const std::function<at::Tensor(std::int64_t first, std::int64_t count)>& values_of) {
  std::vector<at::Tensor> tiles;
  for (std::int64_t first = 0; first < vocabulary; first += kTile)
    tiles.push_back(values_of(first, std::min(kTile, vocabulary - first)));
  const at::Tensor values = at::cat(tiles, 1);  // [neuron, vocab]
  const std::int64_t count = std::min(k, vocabulary);
  const auto largest = at::topk(values, count, 1, /*largest=*/true);
  const auto smallest = at::topk(values, count, 1, /*largest=*/false);
  return {at::stack({std::get<1>(largest), std::get<1>(smallest)}, 1),
          at::stack({std::get<0>(largest), std::get<0>(smallest)}, 1)};
}

/// Norm that the MLP reads through; empty: it reads the stream itself.
std::string norm_before(const TransformerSpec& spec, std::int64_t block) {
  if (spec.norm_placement == NormPlacement::after_sublayer) return "";
  return in_block(block, spec.shared_parallel_norm ? "ln1" : "ln2");
}

}  // namespace

std::string no_output_reason(const TransformerSpec& spec) {
  if (spec.norm_placement == NormPlacement::after_add || spec.masked_language_model)
    return "'" + spec.family + "' normalises its stream after each sublayer";
  if (spec.d_embedding > 0) return "the unembedding of '" + spec.family + "' has another width";
  return "";
}

std::string no_input_reason(const TransformerSpec& spec) {
  if (spec.norm_placement == NormPlacement::after_add || spec.masked_language_model)
    return "'" + spec.family + "' normalises its stream after each sublayer";
  if (spec.embedding_norm) return "'" + spec.family + "' normalises its embeddings";
  if (spec.d_embedding > 0) return "the embedding of '" + spec.family + "' has another width";
  return "";
}

at::Tensor output_directions(const Model& model, const std::vector<NeuronId>& neurons) {
  std::vector<at::Tensor> rows;
  rows.reserve(neurons.size());
  for (const NeuronId& neuron : neurons) rows.push_back(written(model, neuron));
  const at::Tensor all = at::stack(rows);
  if (!model.spec().final_norm) return all;
  return with_gain(model, centred(model.spec(), all), "ln_final");
}

TopTokens output_tokens(const Model& model, const std::vector<NeuronId>& neurons, std::int64_t k) {
  const at::Tensor directions = output_directions(model, neurons) * model.unembedding().logit_scale;
  const at::Tensor& weight = model.unembedding().weight;
  return top_tokens(weight.size(0), k, [&](std::int64_t first, std::int64_t count) {
    return at::matmul(directions, wide(weight.narrow(0, first, count)).t());
  });
}

TopTokens input_tokens(const Model& model, const std::vector<NeuronId>& neurons,
                       const std::string& weight, std::int64_t k) {
  const TransformerSpec& spec = model.spec();
  std::vector<at::Tensor> rows;
  for (const NeuronId& neuron : neurons) {
    at::Tensor row =
        wide(model.weight(in_block(neuron.block, "mlp." + weight)).select(1, neuron.index));
    if (const std::string norm = norm_before(spec, neuron.block); !norm.empty())
      row = centred(spec, with_gain(model, row, norm));
    rows.push_back(row * spec.embedding_scale);
  }
  const at::Tensor directions = at::stack(rows), embedding = model.weight("embed.W_E");
  return top_tokens(embedding.size(0), k, [&](std::int64_t first, std::int64_t count) {
    return at::matmul(directions, wide(embedding.narrow(0, first, count)).t());
  });
}

Receipt output_receipt(const Model& model, const Tokens& prompt,
                       const std::vector<NeuronId>& neurons) {
  const TransformerSpec& spec = model.spec();
  const TokenBatch batch = make_batch(prompt);
  const std::string stream = residual_hook(spec, spec.n_layers), scale = "ln_final.hook_scale";
  at::Tensor frozen, before, last;
  Hooks read;
  read.read(stream, [&](const at::Tensor& x, const HookPoint&) { last = x; });
  if (spec.final_norm) read.read(scale, [&](const at::Tensor& x, const HookPoint&) { frozen = x; });
  read.read("unembed.hook_in", [&](const at::Tensor& x, const HookPoint&) { before = x; });
  model.forward(batch, {}, read);
  const std::int64_t position = prompt.size() - 1;
  const at::Tensor directions = output_directions(model, neurons);
  double largest = 0;
  for (std::int64_t n = 0; n < std::ssize(neurons); ++n) {
    const at::Tensor row = written(model, neurons[static_cast<std::size_t>(n)]);
    const double length = row.norm().item<double>();
    if (!(length > 0)) continue;
    // The change is as long as the stream, so that the difference keeps its digits.
    const double units = wide(last[0][position]).norm().item<double>() / length;
    at::Tensor after;
    Hooks change;
    change.replace(stream, [&](const at::Tensor& x, const HookPoint&) {
      at::Tensor y = x.clone();
      y[0][position].add_((row * units).to(x.device(), x.scalar_type()));
      return y;
    });
    if (spec.final_norm)
      change.replace(scale, [&](const at::Tensor&, const HookPoint&) { return frozen; });
    change.read("unembed.hook_in", [&](const at::Tensor& x, const HookPoint&) { after = x; });
    model.forward(batch, {}, change);
    at::Tensor expected = directions[n] * units;
    if (spec.final_norm) expected = expected / wide(frozen[0][position]);
    const at::Tensor found = wide(after[0][position]) - wide(before[0][position]);
    const double size =
        std::max(wide(before[0][position]).norm().item<double>(), expected.norm().item<double>());
    largest = worst_of(largest, (found - expected).norm().item<double>() / size);
  }
  return make_receipt("output_direction_equals_the_change_of_a_run", largest,
                      rounding_tolerance(model),
                      "relative to the unembedding's input; the scale of the final norm is frozen");
}

}  // namespace lensbench::neurons
