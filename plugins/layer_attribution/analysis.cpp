#include "analysis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <limits>

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

std::vector<std::string> wanted_hooks(const TransformerSpec& spec,
                                      const LayerAttributionOptions& options) {
  std::vector<std::string> hooks = component_hooks(spec);
  if (options.heads) hooks.push_back("blocks.*.attn.hook_z");
  if (options.neurons > 0) hooks.push_back("blocks.*.mlp.hook_post");
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
                      analysis.activations.at(norm + ".hook_scale")[0]);
}

double softcapped(double logit, double cap) {
  return cap == 0.0 ? logit : cap * std::tanh(logit / cap);
}

/// Largest difference at one token between logits computed here and those of the model, relative to
/// the size of the summed products.
double model_difference(const Model& model, const Analysis& analysis) {
  const Unembedding& unembedding = model.unembedding();
  const at::Tensor normalized =
      model.final_norm(analysis.parts.final_residual.narrow(0, analysis.position, 1));
  const at::Tensor logits = model.unembed(normalized);
  double largest = 0.0;
  for (const at::Tensor& ids : {analysis.target_ids, analysis.versus_ids}) {
    if (!ids.defined()) continue;
    const at::Tensor id = ids.narrow(0, analysis.position, 1);
    const double ours = softcapped(read_logit(unembedding, normalized, id, {}).item<double>(),
                                   unembedding.logit_softcap);
    const double theirs = logits[0][id.item<std::int64_t>()].item<double>();
    const double size = logit_size(unembedding, normalized, id).item<double>();
    largest = std::max(largest, std::abs(ours - theirs) / std::max(size, 1e-30));
  }
  return largest;
}

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

Analysis analyse(Context& context, const Tokens& tokens, const Target& target,
                 const LayerAttributionOptions& options) {
  const Model& model = context.model();
  Analysis analysis;
  analysis.spec = model.spec();
  if (tokens.size() == 0)
    throw UsageError("layer_attribution: the prompt is empty; give at least one token");
  check_options(analysis.spec, options);
  analysis.position = resolve_position(options.position, tokens.size());
  analysis.activations = context.activations(tokens, wanted_hooks(analysis.spec, options));
  analysis.parts = components(analysis.spec, analysis.activations);
  const at::Tensor& residual = analysis.parts.final_residual;
  analysis.rounding = machine_epsilon(residual.scalar_type());

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
  return analysis;
}

at::Tensor component_contributions(const Analysis& analysis) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& written : analysis.parts.written)
    rows.push_back(project(written, analysis.direction));
  rows.push_back(analysis.direction.bias);
  return at::stack(rows);
}

void check_direct(const Model& model, Analysis& analysis, const at::Tensor& sum_residual) {
  const auto terms = static_cast<double>(analysis.parts.written.size());
  const double half = analysis.rounding / 2;
  analysis.receipts.push_back(make_receipt(
      "components_sum_to_residual_stream", stream_residual(analysis.parts), terms * half,
      "relative to the sum of absolute values; one rounding for each addition"));
  const at::Tensor size = (absolute_sum(analysis.parts) * analysis.direction.magnitude).sum(-1) +
                          analysis.direction.bias.abs();
  analysis.receipts.push_back(make_receipt(
      "direct_attribution_sums_to_logit", largest_ratio(sum_residual, size), (terms + 8) * half,
      "relative to the size of the summed terms; one rounding for each addition to the stream and "
      "eight for the final norm"));
  // The model sums d_model products in its own order and precision.
  analysis.receipts.push_back(make_receipt(
      "target_logit_equals_model", model_difference(model, analysis), 16 * analysis.rounding + 1e-6,
      "at the chosen position, relative to the largest logit"));
}

HeadResult head_contributions(const Model& model, Analysis& analysis) {
  std::vector<at::Tensor> contributions, biases;
  double worst = 0.0;
  for (std::int64_t layer = 0; layer < analysis.spec.n_layers; ++layer) {
    const at::Tensor z = analysis.activations.at(in_block(layer, "attn.hook_z"))[0];
    const at::Tensor& written = analysis.activations.at(in_block(layer, "hook_attn_out"))[0];
    const LogitDirection direction =
        through_post_norm(model, analysis, in_block(layer, "ln1_post"));
    const at::Tensor terms = head_terms(direction, z, model.weight(in_block(layer, "attn.W_O"))) *
                             analysis.spec.residual_scale;
    const at::Tensor heads = terms.sum(-1);  // [token, head]
    const at::Tensor b_o = model.weight(in_block(layer, "attn.b_O"));
    at::Tensor bias = bias_contribution(direction, b_o);
    if (normalises_after(analysis.spec))
      bias =
          bias + bias_contribution(analysis.direction, model.weight(in_block(layer, "ln1_post.b")));
    bias = bias * analysis.spec.residual_scale;
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

std::vector<Neuron> list_neurons(const Model& model, const Analysis& analysis, std::int64_t count) {
  std::vector<at::Tensor> contributions;
  for (std::int64_t layer = 0; layer < analysis.spec.n_layers; ++layer) {
    const at::Tensor post =
        analysis.activations.at(in_block(layer, "mlp.hook_post"))[0][analysis.position];
    const LogitDirection direction =
        through_post_norm(model, analysis, in_block(layer, "ln2_post"));
    contributions.push_back(neuron_contributions(direction.vector[analysis.position], post,
                                                 model.weight(in_block(layer, "mlp.W_out"))) *
                            analysis.spec.residual_scale);
  }
  return strongest_neurons(contributions, count);
}

AblationResult ablate(const Model& model, const Tokens& tokens, Analysis& analysis,
                      const at::Tensor& contributions, const std::vector<Ablation>& kinds) {
  const BlockActivations blocks = block_activations(analysis.spec, analysis.activations);
  const TokenBatch batch = make_batch(tokens);
  const auto read = [&](const at::Tensor& residual) {
    return read_logit(model.unembedding(), model.final_norm(residual), analysis.target_ids,
                      analysis.versus_ids);
  };
  AblationResult result;
  result.kinds = kinds;
  result.effect = ablated_readings(model, batch, blocks, kinds, read) - analysis.target_logit.cpu();
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    if (kinds[kind] == Ablation::mean && tokens.size() == 1)
      result.effect[static_cast<std::int64_t>(kind)].zero_();  // the mean of one is itself
  correlate(result, contributions);
  const at::Tensor last = analysis.parts.final_residual.unsqueeze(0);
  analysis.receipts.push_back(
      make_receipt("replacing_an_activation_by_itself_changes_nothing",
                   self_replacement_difference(model, batch, blocks, last), 4 * analysis.rounding,
                   "relative to the largest element of the last residual; the same arithmetic, so "
                   "normally exact"));
  return result;
}

}  // namespace lensbench::attribution
