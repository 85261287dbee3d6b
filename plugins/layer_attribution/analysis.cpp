#include "analysis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <utility>

#include "heads.hpp"
#include "targets.hpp"

namespace lensbench::attribution {
namespace {

std::string in_block(std::int64_t layer, const std::string& name) {
  return "blocks." + std::to_string(layer) + "." + name;
}

/// Machine epsilon: distance from 1 to the next number of a type.
double machine_epsilon(at::ScalarType type) {
  if (type == at::kBFloat16) return std::ldexp(1.0, -7);
  if (type == at::kHalf) return std::ldexp(1.0, -10);
  if (type == at::kDouble) return std::numeric_limits<double>::epsilon();
  return std::numeric_limits<float>::epsilon();
}

/// True if a norm follows each sublayer before the addition to the stream.
bool normalises_after(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before_and_after ||
         spec.norm_placement == NormPlacement::after_sublayer;
}

/// Only what is asked for: each hook keeps one activation of every block.
std::vector<std::string> wanted_hooks(const TransformerSpec& spec,
                                      const LayerAttributionOptions& options) {
  std::vector<std::string> hooks = component_hooks(spec);
  // The stream before the last block, from which the forward for the comparison starts.
  if (spec.n_layers > 1) hooks.push_back(residual_hook(spec, spec.n_layers - 1));
  if (options.heads) hooks.push_back("blocks.*.attn.hook_z");
  if (options.neurons > 0) hooks.push_back("blocks.*.mlp.hook_post");
  // The norm after a sublayer is frozen with its scale, so that it is linear in the head or neuron.
  if (!normalises_after(spec)) return hooks;
  if (options.heads) hooks.push_back("blocks.*.ln1_post.hook_scale");
  if (options.neurons > 0) hooks.push_back("blocks.*.ln2_post.hook_scale");
  return hooks;
}

/// Direction for the output of a sublayer: through the norm that follows the sublayer, if any.
LogitDirection through_post_norm(const Model& model, const Analysis& analysis,
                                 const std::string& norm) {
  if (!normalises_after(analysis.spec)) return analysis.direction;
  return through_norm(analysis.direction, analysis.spec.norm.kind, model.weight(norm + ".w"),
                      analysis.cache[norm + ".hook_scale"]);
}

}  // namespace

void check_options(const TransformerSpec& spec, const LayerAttributionOptions& options) {
  if (options.neurons < 0)
    throw UsageError("layer_attribution: neurons is " + std::to_string(options.neurons) +
                     "; give the number to list, or 0 for none");
  const std::int64_t available = spec.n_layers * spec.mlp.d_mlp;
  if (options.neurons > available)
    throw UsageError("layer_attribution: neurons is " + std::to_string(options.neurons) +
                     ", but the model has " + std::to_string(available) + "; give at most that");
  if (options.neurons > 0 && spec.mlp.n_experts > 0)
    throw UsageError("layer_attribution: neurons of a mixture of experts cannot be listed; give 0");
}

std::vector<std::string> default_hooks(const TransformerSpec& spec) {
  return wanted_hooks(spec, {});
}

/// One forward, then everything that the other functions share: target, its direction in the
/// stream, and the components.
Analysis analyse(Context& context, const Tokens& tokens, const Target& target,
                 const LayerAttributionOptions& options) {
  const Model& model = context.model();
  const TransformerSpec& spec = model.spec();
  if (tokens.size() == 0)
    throw UsageError("layer_attribution: the prompt is empty; give at least one token");
  check_options(spec, options);
  const std::int64_t position = resolve_position(options.position, tokens.size());
  // The cache shares the forward with other requests of the case.
  ActivationCache cache(model, context.activations(tokens, wanted_hooks(spec, options)));
  const at::Tensor residual = cache.remove_batch_dim()[final_hook(spec)];
  Analysis analysis{.spec = spec,
                    .cache = std::move(cache),
                    .final_residual = residual,
                    .rounding = machine_epsilon(residual.scalar_type()),
                    .position = position};

  // Read in the model's own arithmetic, so that the target `model` is what the model would choose.
  const at::Tensor normalized = model.final_norm(residual);
  analysis.target_ids = target_ids(model, target, tokens, normalized);
  if (options.versus) {
    analysis.versus_ids = target_ids(model, *options.versus, tokens, normalized);
    check_versus(target, analysis.target_ids, *options.versus, analysis.versus_ids);
  }
  analysis.direction =
      logit_direction(final_readout(model), residual, analysis.target_ids, analysis.versus_ids);
  analysis.target_logit =
      read_logit(model.unembedding(), normalized, analysis.target_ids, analysis.versus_ids);
  analysis.parts = read_components(analysis.cache, spec, analysis.direction);
  return analysis;
}

/// The bias of norm and unembedding is a component of its own, the last one.
at::Tensor component_contributions(const Analysis& analysis) {
  return at::cat({analysis.parts.contributions, analysis.direction.bias.unsqueeze(0)});
}

namespace {

/// Contribution of the output bias of attention, [token].
at::Tensor attention_bias(const Model& model, const Analysis& analysis,
                          const LogitDirection& direction, std::int64_t layer,
                          const at::Tensor& b_o) {
  at::Tensor bias = bias_contribution(direction, b_o);
  if (normalises_after(analysis.spec))
    // The bias of that norm is added after it and thus sees the direction of the stream.
    bias =
        bias + bias_contribution(analysis.direction, model.weight(in_block(layer, "ln1_post.b")));
  return bias * analysis.spec.residual_scale;
}

}  // namespace

/// The head's part of the attention output, through the frozen norm after it, if there is one.
HeadResult head_contributions(const Model& model, Analysis& analysis) {
  std::vector<at::Tensor> contributions, biases;
  double worst = 0.0;
  for (std::int64_t layer = 0; layer < analysis.spec.n_layers; ++layer) {
    const at::Tensor z = analysis.cache[in_block(layer, "attn.hook_z")];
    const at::Tensor written = analysis.cache[in_block(layer, "hook_attn_out")];
    const LogitDirection direction =
        through_post_norm(model, analysis, in_block(layer, "ln1_post"));
    // Heads are never stacked over d_model: W_O is multiplied by the direction first.
    const at::Tensor terms = head_terms(direction, z, model.weight(in_block(layer, "attn.W_O"))) *
                             analysis.spec.residual_scale;
    const at::Tensor heads = terms.sum(-1);  // [token, head]
    const at::Tensor b_o = model.weight(in_block(layer, "attn.b_O"));
    const at::Tensor bias = attention_bias(model, analysis, direction, layer, b_o);
    // Heads and bias must sum to what the attention wrote.
    const at::Tensor difference = heads.sum(-1) + bias - project(written, analysis.direction);
    const at::Tensor size = terms.abs().sum({-2, -1}) + bias_size(direction, b_o) +
                            (written.to(at::kDouble).abs() * analysis.direction.magnitude).sum(-1);
    worst = std::max(worst, largest_ratio(difference, size));
    contributions.push_back(heads.t());
    biases.push_back(bias);
  }
  analysis.receipts.push_back(make_receipt(
      "heads_sum_to_attention_output", worst, 4 * analysis.rounding + 64 * 1.2e-7,
      "relative to the size of the summed terms; the output is rounded to the model's type, the "
      "products of its projection are summed in float32"));
  return {at::stack(contributions), at::stack(biases)};
}

/// All neurons of all blocks at one position, of which `count` are kept.
std::vector<Neuron> list_neurons(const Model& model, const Analysis& analysis, std::int64_t count) {
  std::vector<at::Tensor> contributions;
  for (std::int64_t layer = 0; layer < analysis.spec.n_layers; ++layer) {
    const at::Tensor post = analysis.cache[in_block(layer, "mlp.hook_post")][analysis.position];
    const LogitDirection direction =
        through_post_norm(model, analysis, in_block(layer, "ln2_post"));
    contributions.push_back(neuron_contributions(direction.vector[analysis.position], post,
                                                 model.weight(in_block(layer, "mlp.W_out"))) *
                            analysis.spec.residual_scale);
  }
  return strongest_neurons(contributions, count);
}

}  // namespace lensbench::attribution
