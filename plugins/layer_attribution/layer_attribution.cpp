#include "layer_attribution.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <limits>

#include "analysis.hpp"

namespace lensbench::attribution {
namespace {

at::Tensor numbers(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kInt);
}

/// Contributions in float64, in the order of the forward, with the bias of the final norm and
/// unembedding as the last component.
void add_components(Dataset& dataset, const Analysis& analysis, const at::Tensor& contributions) {
  std::vector<std::string> labels = analysis.parts.labels;
  labels.push_back("bias");
  dataset.add_coordinate("component", std::move(labels), "addition to the residual stream");
  dataset.add("target_id", {"token"}, analysis.target_ids, "1", "token whose logit is attributed",
              Holds::token_ids);
  if (analysis.versus_ids.defined())
    dataset.add("versus_id", {"token"}, analysis.versus_ids, "1",
                "token whose logit is subtracted from the target's", Holds::token_ids);
  dataset.add("target_logit", {"token"}, analysis.target_logit, "1",
              "logit of the target, or its difference to versus, before any softcap");
  // The scale is frozen at its real value, which makes the contributions additive.
  dataset.add("final_norm_scale", {"token"}, analysis.direction.scale, "1",
              "scale of the final norm that contributions are divided by");
  dataset.add("logit_contribution", {"component", "token"}, contributions, "1",
              "direct contribution to the target logit");
  dataset.add("cumulative", {"component", "token"}, contributions.cumsum(0), "1",
              "sum of the contributions up to and including this component");
}

/// Adds contributions by block, and the logit read from the stream after each block.
/// A block is its attention and its MLP, which follow each other in the list of components.
void add_blocks(Dataset& dataset, const Analysis& analysis, const at::Tensor& contributions) {
  const std::int64_t n_layers = analysis.spec.n_layers;
  const std::int64_t embeddings = contributions.size(0) - 2 * n_layers - 1;
  const at::Tensor blocks = contributions.narrow(0, embeddings, 2 * n_layers)
                                .reshape({n_layers, 2, contributions.size(1)})
                                .sum(1);
  // What is there before the first block, and the bias that no block adds.
  const at::Tensor start = contributions.narrow(0, 0, embeddings).sum(0) + analysis.direction.bias;
  dataset.add_coordinate("layer", numbers(0, n_layers), "block, counted from 0");
  dataset.add("layer_contribution", {"layer", "token"}, blocks, "1",
              "direct contribution of a block, attention and MLP together");
  dataset.add(
      "accumulated", {"layer", "token"}, blocks.cumsum(0) + start, "1",
      "logit read from the stream after this block, final norm scale frozen, biases included");
}

/// Attention of a block is the sum of its heads and the output bias, which is listed separately.
void add_heads(Dataset& dataset, const HeadResult& heads) {
  dataset.add_coordinate("head", numbers(0, heads.contribution.size(1)), "attention head");
  dataset.add("head_contribution", {"layer", "head", "token"}, heads.contribution, "1",
              "direct contribution of an attention head, without the output bias");
  dataset.add("attention_bias_contribution", {"layer", "token"}, heads.bias, "1",
              "direct contribution of the attention output bias");
}

/// A list by rank rather than [block, d_mlp], most of which would be near 0.
void add_neurons(Dataset& dataset, const std::vector<Neuron>& neurons) {
  const auto count = static_cast<std::int64_t>(neurons.size());
  at::Tensor layer = at::empty({count}, at::kInt), index = at::empty({count}, at::kInt);
  at::Tensor contribution = at::empty({count}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    const Neuron& neuron = neurons[static_cast<std::size_t>(i)];
    layer[i] = neuron.layer;
    index[i] = neuron.index;
    contribution[i] = neuron.contribution;
  }
  dataset.add_coordinate("rank", numbers(1, count), "1 is the largest absolute contribution");
  dataset.add("neuron_layer", {"rank"}, layer, "1", "block of the neuron");
  dataset.add("neuron_index", {"rank"}, index, "1", "index of the neuron in its MLP");
  dataset.add("neuron_contribution", {"rank"}, contribution, "1",
              "direct contribution of the neuron at the chosen position");
}

/// The axis of components is that of the contributions, so that both can be compared by index.
void add_ablation(Dataset& dataset, const Analysis& analysis, const AblationResult& result) {
  std::vector<std::string> kinds;
  for (const Ablation kind : result.kinds) kinds.push_back(to_string(kind));
  dataset.add_coordinate("ablation", kinds, "replacement of the output, at every token");
  // Embeddings and biases are not ablated: NaN.
  const std::int64_t embeddings =
      static_cast<std::int64_t>(analysis.parts.labels.size()) - result.effect.size(1);
  const auto missing = [&](std::int64_t count) {
    return at::full({result.effect.size(0), count, result.effect.size(2)},
                    std::numeric_limits<double>::quiet_NaN(), result.effect.options());
  };
  dataset.add("ablation_effect", {"ablation", "component", "token"},
              at::cat({missing(embeddings), result.effect, missing(1)}, 1), "1",
              "ablated minus real target logit, read at this token (NaN: not ablated)");
  if (result.head_effect.defined())
    dataset.add("head_ablation_effect", {"ablation", "layer", "head", "token"}, result.head_effect,
                "1",
                "ablated minus real target logit when one attention head is replaced, read at this "
                "token");
  dataset.add(
      "pearson", {"ablation", "token"}, result.pearson, "1",
      "correlation over components of contribution with the logit lost to ablation (NaN: one of "
      "them is constant)");
  dataset.add(
      "spearman", {"ablation", "token"}, result.spearman, "1",
      "rank correlation over components of contribution with the logit lost to ablation (NaN: one "
      "of them is constant)");
}

void add_attributes(Dataset& dataset, const Target& target, const LayerAttributionOptions& options,
                    const Analysis& analysis) {
  Provenance{.definition = "layer_attribution/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "ablation_effect = logit of the ablated run - logit of the prompt";
  dataset.attributes["target"] = to_string(target);
  dataset.attributes["versus"] = options.versus ? to_string(*options.versus) : "none";
  dataset.attributes["position"] = analysis.position;
  dataset.attributes["heads"] = static_cast<std::int64_t>(options.heads);
  dataset.attributes["neurons"] = options.neurons;
  dataset.attributes["final_norm"] =
      "scale frozen at its real value, centring and gain folded into the unembedding";
  if (analysis.spec.norm_placement != NormPlacement::before)
    dataset.attributes["sublayer_norm"] =
        "heads and neurons pass the norm that follows their sublayer, with its scale frozen too";
}

/// What the results claim, for `lensbench grade`. An effect is the ablated minus the real value,
/// while a claim is larger for a component that supports the target.
void add_claims(Dataset& dataset) {
  dataset.set_attribute("logit_contribution", "claim", "effect.dla");
  if (dataset.contains("head_contribution"))
    dataset.set_attribute("head_contribution", "claim", "effect.dla");
  for (const char* name : {"ablation_effect", "head_ablation_effect"}) {
    if (!dataset.contains(name)) continue;
    std::vector<std::string> claims;
    for (const std::string& kind : dataset["ablation"].strings)
      claims.push_back("effect." + kind + " where ablation=" + kind + " negated");
    dataset.set_attribute(name, "claim", std::move(claims));
  }
}

/// Number of prompts and tokens of the reference: a mean over few prompts is a weak baseline.
void add_ablation_attributes(Dataset& dataset, const std::vector<Ablation>& kinds,
                             const ReferencePrompts& reference, const ReferenceMeans* means) {
  std::vector<std::string> names;
  for (const Ablation kind : kinds) names.push_back(to_string(kind));
  dataset.attributes["ablation"] = names;
  dataset.attributes["reference"] = "none";
  if (means == nullptr) return;
  reference.describe(dataset);
  dataset.attributes["reference_prompts"] = means->prompts;
  dataset.attributes["reference_tokens"] = means->tokens;
}

/// A reference that nothing uses is taken for a mistake.
void check_use_of(const std::string& reference, const std::vector<Ablation>& kinds) {
  if (reference.empty() || contains(kinds, Ablation::mean)) return;
  throw UsageError("layer_attribution: reference is '" + reference +
                   "', but only ablation 'mean' uses it; add mean to ablation, or leave out "
                   "reference");
}

}  // namespace

/// Attribution needs logits that are a sum over the stream. \throws UsageError for models whose
/// norms or projections break that sum
void LayerAttributionTool::check_compatible(const Model& model) const {
  const TransformerSpec& spec = model.spec();
  if (spec.norm_placement == NormPlacement::after_add || spec.masked_language_model)
    throw UsageError("layer_attribution: model family '" + spec.family +
                     "' normalises the stream after each sublayer, so its logits are not a sum of "
                     "contributions; use another model, such as GPT-2 or Llama");
  if (spec.d_embedding > 0)
    throw UsageError("layer_attribution: this '" + spec.family +
                     "' model projects the stream to another width before the unembedding; use a "
                     "model whose unembedding reads the stream itself");
  if (spec.n_layers < 1)
    throw UsageError("layer_attribution: the model has 0 blocks; expected at least one");
}

void LayerAttributionTool::check_parameters(const Parameters& parameters) const {
  const std::vector<Ablation> kinds = parse_ablations(parameters.list("ablation"));
  check_use_of(parameters.text("reference"), kinds);
  LayerAttributionOptions options;
  options.neurons = parameters.integer("neurons");
  check_options(model().spec(), options);
  if (contains(kinds, Ablation::mean))
    // The reference is read once before the run, so that a missing file is found early.
    ReferencePrompts(context(), parameters.text("reference")).check_mean(kMeanAblation);
}

/// The means are the same for every case, so they are computed once for each set of prompts, by the
/// first process of the run that needs them.
const ReferenceMeans& LayerAttributionTool::means(const std::string& file) {
  const ReferencePrompts reference(context(), file);
  const std::string key = reference.key();
  if (key != means_key_) {
    means_ = reference_means(context(), reference);
    means_key_ = key;
  }
  return means_;
}

/// The hooks of default options, so that the bench can read them in one forward for several tools.
std::vector<std::string> LayerAttributionTool::usual_hooks(const TransformerSpec& spec) const {
  return default_hooks(spec);
}

Dataset LayerAttributionTool::run(const Request& request) {
  const Parameters& parameters = request.parameters();
  LayerAttributionOptions options;
  if (parameters.is_set("versus"))
    options.versus = parse_target(model(), parameters.text("versus"));
  options.position = parameters.integer("position");
  options.heads = parameters.boolean("heads");
  options.neurons = parameters.integer("neurons");
  options.ablation = parameters.list("ablation");
  options.reference = parameters.text("reference");
  const Target target = request.target().value_or(parse_target(model(), parameters.text("target")));
  return to_logit(request.tokens(), target, options);
}

Dataset LayerAttributionTool::to_logit(const Tokens& tokens, const Target& target,
                                       const LayerAttributionOptions& options) {
  check_compatible(model());
  // Options are checked before the forward.
  const std::vector<Ablation> kinds = parse_ablations(options.ablation);
  check_use_of(options.reference, kinds);
  const ReferenceMeans* reference =
      contains(kinds, Ablation::mean) ? &means(options.reference) : nullptr;
  Analysis analysis = analyse(context(), tokens, target, options);
  const at::Tensor contributions = component_contributions(analysis);
  // What the sum misses is stored too: it shows the rounding at each token.
  const at::Tensor sum_residual = contributions.sum(0) - analysis.target_logit;
  check_direct(model(), tokens, analysis, sum_residual);

  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_components(dataset, analysis, contributions);
  dataset.add("sum_residual", {"token"}, sum_residual, "1",
              "sum of the contributions minus the target logit");
  add_blocks(dataset, analysis, contributions);
  if (options.heads) add_heads(dataset, head_contributions(model(), analysis));
  if (options.neurons > 0) add_neurons(dataset, list_neurons(model(), analysis, options.neurons));
  if (!kinds.empty())
    add_ablation(
        dataset, analysis,
        ablate(model(), tokens, analysis, contributions, {kinds, options.heads, reference}));
  add_claims(dataset);
  add_attributes(dataset, target, options, analysis);
  add_ablation_attributes(dataset, kinds, ReferencePrompts(context(), options.reference),
                          reference);
  dataset.receipts = analysis.receipts;
  return dataset;
}

}  // namespace lensbench::attribution
