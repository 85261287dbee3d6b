#include "runs.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

namespace lensbench::inputs {
namespace {

/// Tokens embedded at a time.
constexpr std::int64_t kIdsPerForward = 1024;

/// Hooks that replace an activation by given values, repeated for every row of a batch.
Hooks replacing(const std::string& hook, const at::Tensor& value) {
  Hooks hooks;
  hooks.replace(hook, [value](const at::Tensor& x, const HookPoint&) {
    return value.to(x.scalar_type()).expand_as(x).contiguous();
  });
  return hooks;
}

ForwardOptions without_logits() {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return options;
}

}  // namespace

/// For layer 0 the token embeddings alone: positions are added after them and are not attributed
/// to.
std::string InputRuns::input_hook() const {
  return layer_ == 0 ? "hook_embed" : "blocks." + std::to_string(layer_) + ".hook_resid_pre";
}

at::Tensor InputRuns::read(const std::string& hook, const Hooks& given) const {
  at::Tensor found;
  Hooks hooks = given;
  hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) { found = x[0]; });
  model_.forward(batch(1), without_logits(), hooks);
  return found;
}

at::Tensor InputRuns::input_of_embeddings(const at::Tensor& rows) const {
  return read(input_hook(), replacing("hook_embed", rows));
}

at::Tensor InputRuns::stream_of_embeddings(const at::Tensor& rows) const {
  return read("blocks." + std::to_string(layer_) + ".hook_resid_pre",
              replacing("hook_embed", rows));
}

at::Tensor InputRuns::last_stream(const at::Tensor& input) const {
  return model_.forward(batch(1), without_logits(), replacing(input_hook(), input.unsqueeze(0)))
      .residual[0];
}

/// Rows do not interact, so the gradient of the sum of all metrics holds each row's own gradient.
InputRuns::Points InputRuns::points(const MetricReader& reader, const at::Tensor& inputs) const {
  Points points;
  GradientOptions options;
  options.hooks = replacing(input_hook(), inputs);
  read_experts(options.hooks, model_.spec(), inputs.size(0), reader.position(), points.experts);
  const auto metrics = [&](const at::Tensor& residual, const RecordedActivations&) {
    return reader(residual.select(1, reader.position()));
  };
  const RunGradients found =
      run_gradients(model_, batch(inputs.size(0)), {input_hook()}, metrics, options);
  points.gradients = found.gradients.at(input_hook());
  points.values = found.values.detach();
  return points;
}

/// Patterns and their gradients in one forward; the hook of the gradient replaces, that of the
/// pattern reads.
std::vector<InputRuns::Pattern> InputRuns::patterns(const MetricReader& reader) const {
  std::vector<Pattern> found(static_cast<std::size_t>(model_.spec().n_layers));
  GradientOptions options;
  options.hooks.read("blocks.*.attn.hook_pattern", [&](const at::Tensor& x, const HookPoint& at) {
    found[static_cast<std::size_t>(at.layer)].pattern = x[0].detach();
  });
  const auto metrics = [&](const at::Tensor& residual, const RecordedActivations&) {
    return reader(residual.select(1, reader.position()));
  };
  const auto result =
      run_gradients(model_, batch(1), {"blocks.*.attn.hook_pattern"}, metrics, options);
  for (std::size_t block = 0; block < found.size(); ++block)
    found[block].gradient =
        result.gradients.at("blocks." + std::to_string(block) + ".attn.hook_pattern")[0];
  return found;
}

/// The ids of every row are those of the prompt; the replaced input decides what they mean.
TokenBatch InputRuns::batch(std::int64_t rows) const {
  return {at::tensor(tokens_.ids, at::kLong).unsqueeze(0).expand({rows, -1}), {}};
}

double InputRuns::graph_bytes() const {
  const TransformerSpec& spec = model_.spec();
  const AttentionSpec& attention = spec.attention;
  const auto positions = static_cast<double>(tokens_.size());
  const auto heads = static_cast<double>(attention.n_heads);
  // In a mixture the neurons of all experts that process a position.
  const auto neurons = static_cast<double>(
      spec.mlp.n_experts == 0 ? spec.mlp.d_mlp
                              : spec.mlp.d_mlp * spec.mlp.experts_per_token + spec.d_shared_expert);
  // Each block keeps the stream and inputs of its norms, queries, keys, values and z, the pattern
  // and its scores, and the hidden layer before and after its activation.
  const double of_position = 8.0 * static_cast<double>(spec.d_model) +
                             4.0 * heads * static_cast<double>(attention.d_head) +
                             3.0 * heads * positions + (spec.mlp.gated ? 5.0 : 3.0) * neurons;
  return static_cast<double>(at::elementSize(model_.options().dtype)) *
         static_cast<double>(spec.n_layers) * positions * of_position;
}

std::int64_t InputRuns::rows_within(std::int64_t bytes) const {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(static_cast<double>(bytes) / graph_bytes()));
}

/// Each id is a sequence of its own, so that only the embedding of the token is read.
at::Tensor embeddings_of(const Model& model, const std::vector<std::int64_t>& ids) {
  at::Tensor rows;
  Hooks hooks;
  hooks.read("hook_embed", [&](const at::Tensor& x, const HookPoint&) { rows = x.select(1, 0); });
  ForwardOptions options;
  options.stop_at_layer = 0;
  model.forward({at::tensor(ids, at::kLong).unsqueeze(1), {}}, options, hooks);
  return rows;
}

at::Tensor mean_embedding(const Model& model) {
  const std::int64_t size = model.spec().vocab_size;
  // In tiles, in order, and in float64.
  at::Tensor sum;
  for (std::int64_t begin = 0; begin < size; begin += kIdsPerForward) {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(std::min(kIdsPerForward, size - begin)));
    std::iota(ids.begin(), ids.end(), begin);
    const at::Tensor part = embeddings_of(model, ids).to(at::kDouble).sum(0, true);
    sum = sum.defined() ? sum + part : part;
  }
  return sum / static_cast<double>(size);
}

}  // namespace lensbench::inputs
