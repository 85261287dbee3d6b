#include "analysis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
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

/// Largest ratio of difference and size. 0 / 0 counts as 0, any other number over 0 as very large.
double largest_ratio(const at::Tensor& difference, const at::Tensor& size) {
  return (difference.abs() / size.clamp_min(1e-30)).max().item<double>();
}

/// True if a norm follows each sublayer before the addition to the stream.
bool normalises_after(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before_and_after ||
         spec.norm_placement == NormPlacement::after_sublayer;
}

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

/// The model applies the cap to its logits; the attribution is before it.
double softcapped(double logit, double cap) {
  return cap == 0.0 ? logit : cap * std::tanh(logit / cap);
}

/// A forward with logits at the last position. It runs the last block only, from the stream as the
/// block before it leaves it, so that interventions in the last block act once.
ForwardOutput forward_again(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const std::int64_t last = analysis.spec.n_layers - 1;
  ForwardOptions whole, part;
  whole.logits = part.logits = ForwardOptions::Logits::last;
  if (last == 0) return model.forward(make_batch(tokens), whole);
  part.start_at_layer = last;
  part.residual = analysis.cache[residual_hook(analysis.spec, last)].unsqueeze(0);
  try {
    return model.forward(make_batch(tokens), part);
  } catch (const UsageError&) {
    // A model with a `freeze` intervention cannot start from a residual.
    return model.forward(make_batch(tokens), whole);
  }
}

/// Logits [vocab] of the model at the chosen position.
at::Tensor model_logits(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const ForwardOutput output = forward_again(model, tokens, analysis);
  // The forward has logits at the last position only; other positions are unembedded from the
  // stream.
  if (analysis.position + 1 == tokens.size()) return output.logits[0][0];
  return model.unembed(model.final_norm(output.residual[0].narrow(0, analysis.position, 1)))[0];
}

/// Largest difference at one token between logits computed here and those of the model, relative to
/// the size of the summed products.
double model_difference(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const Unembedding& unembedding = model.unembedding();
  const at::Tensor normalized =
      model.final_norm(analysis.final_residual.narrow(0, analysis.position, 1));
  const at::Tensor logits = model_logits(model, tokens, analysis);
  double largest = 0.0;
  for (const at::Tensor& ids : {analysis.target_ids, analysis.versus_ids}) {
    if (!ids.defined()) continue;
    const at::Tensor id = ids.narrow(0, analysis.position, 1);
    const double ours = softcapped(read_logit(unembedding, normalized, id, {}).item<double>(),
                                   unembedding.logit_softcap);
    const double theirs = logits[id.item<std::int64_t>()].item<double>();
    const double size = logit_size(unembedding, normalized, id).item<double>();
    largest = std::max(largest, std::abs(ours - theirs) / std::max(size, 1e-30));
  }
  return largest;
}

/// One token as a plain vector, as the statistics take it.
std::vector<double> column(const at::Tensor& values, std::int64_t token) {
  const at::Tensor one = values.select(-1, token).contiguous().cpu();
  const double* data = one.data_ptr<double>();
  return {data, data + one.numel()};
}

/// Correlations over the ablated components, at every token. The lost logit is minus the effect, so
/// 1 means that contributions agree with the logits lost to ablation.
void correlate(AblationResult& result, const at::Tensor& contributions) {
  const std::int64_t n_tokens = result.effect.size(2);
  result.pearson = at::empty({result.effect.size(0), n_tokens}, at::kDouble);
  result.spearman = at::empty_like(result.pearson);
  // Embeddings come before the ablated components and the bias after them.
  const at::Tensor ablated = contributions.narrow(
      0, contributions.size(0) - 1 - result.effect.size(1), result.effect.size(1));
  for (std::int64_t kind = 0; kind < result.effect.size(0); ++kind)
    for (std::int64_t token = 0; token < n_tokens; ++token) {
      const std::vector<double> direct = column(ablated, token);
      const std::vector<double> lost = column(result.effect[kind].neg(), token);
      result.pearson[kind][token] = statistics::pearson(direct, lost);
      result.spearman[kind][token] = statistics::spearman(direct, lost);
    }
}

}  // namespace

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

void check_direct(const Model& model, const Tokens& tokens, Analysis& analysis,
                  const at::Tensor& sum_residual) {
  const auto terms = static_cast<double>(analysis.parts.labels.size());
  // Half a unit in the last place for each rounding.
  const double half = analysis.rounding / 2;
  analysis.receipts.push_back(make_receipt(
      "components_sum_to_residual_stream", analysis.parts.stream_residual, terms * half,
      "relative to the sum of absolute values; one rounding for each addition"));
  const at::Tensor size =
      analysis.parts.size + analysis.direction.norm_size + analysis.direction.bias.abs();
  const double sums = std::log2(static_cast<double>(analysis.spec.d_model));
  analysis.receipts.push_back(make_receipt(
      "direct_attribution_sums_to_logit", largest_ratio(sum_residual, size),
      (terms + 8 + sums) * half,
      "relative to the size of the terms that are summed, what the final norm reads included; one "
      "rounding for each addition to the stream, eight for the norm and log2(d_model) for its mean "
      "and its variance"));
  // The model sums d_model products in its own order and precision.
  analysis.receipts.push_back(make_receipt("target_logit_equals_model",
                                           model_difference(model, tokens, analysis),
                                           16 * analysis.rounding + 1e-6,
                                           "at the chosen position, with a forward of the last "
                                           "block; relative to the size of the summed "
                                           "products"));
}

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
    at::Tensor bias = bias_contribution(direction, b_o);
    if (normalises_after(analysis.spec))
      // The bias of that norm is added after it and thus sees the direction of the stream.
      bias =
          bias + bias_contribution(analysis.direction, model.weight(in_block(layer, "ln1_post.b")));
    bias = bias * analysis.spec.residual_scale;
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

/// The direct contribution holds everything after the component fixed; ablation runs it again. The
/// correlation of both shows how far the direct view is causal.
AblationResult ablate(const Model& model, const Tokens& tokens, Analysis& analysis,
                      const at::Tensor& contributions, const AblationPlan& plan) {
  const BlockActivations blocks = block_activations(analysis.cache, analysis.spec, plan.heads);
  const TokenBatch batch = make_batch(tokens);
  const AblationSweep sweep{
      model, batch, blocks, plan.kinds, plan.reference, [&](const at::Tensor& residual) {
        return read_logit(model.unembedding(), model.final_norm(residual), analysis.target_ids,
                          analysis.versus_ids);
      }};
  const at::Tensor real = analysis.target_logit.cpu();
  AblationResult result;
  result.kinds = plan.kinds;
  // An effect is ablated minus real.
  result.effect = ablated_readings(sweep) - real;
  if (plan.heads) result.head_effect = ablated_head_readings(sweep) - real;
  for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind) {
    if (plan.kinds[kind] != Ablation::mean_of_prompt || tokens.size() > 1) continue;
    // The mean of one is itself.
    const auto row = static_cast<std::int64_t>(kind);
    result.effect[row].zero_();
    if (plan.heads) result.head_effect[row].zero_();
  }
  correlate(result, contributions);
  const at::Tensor last = analysis.final_residual.unsqueeze(0);
  analysis.receipts.push_back(
      make_receipt("replacing_an_activation_by_itself_changes_nothing",
                   self_replacement_difference(model, batch, blocks, last), 4 * analysis.rounding,
                   "relative to the largest element of the last residual; the same arithmetic, so "
                   "normally exact"));
  return result;
}

}  // namespace lensbench::attribution
