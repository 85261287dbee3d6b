#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/tool.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <optional>
#include <vector>

#include "ablation.hpp"
#include "components.hpp"
#include "direction.hpp"
#include "neurons.hpp"

namespace lensbench::attribution {

/// One forward of one prompt, with the target logit and its linear direction.
struct Analysis {
  TransformerSpec spec;
  ActivationCache cache;      ///< activations without the batch axis
  at::Tensor final_residual;  ///< [token, d_model], the input of the final norm
  double rounding = 0.0;      ///< machine epsilon of the activations
  std::int64_t position = 0;
  Components parts = {};
  /// [token] int64; versus_ids undefined for a single logit
  at::Tensor target_ids = {}, versus_ids = {};
  LogitDirection direction = {};
  at::Tensor target_logit = {};  ///< [token] float64, logit of the model before any softcap
  std::vector<Receipt> receipts = {};
};

/// Contributions of heads, [block, head, token], and of the output biases, [block, token].
struct HeadResult {
  at::Tensor contribution, bias;
};

/// Effects of ablation, all float64.
struct AblationResult {
  std::vector<Ablation> kinds;
  at::Tensor effect;             ///< [ablation, 2 * n_layers, token]
  at::Tensor head_effect;        ///< [ablation, block, head, token]; undefined without heads
  at::Tensor pearson, spearman;  ///< [ablation, token]
};

/// Checks options that do not depend on the prompt.
/// \throws UsageError for a number of neurons that the model does not have
void check_options(const TransformerSpec& spec, const LayerAttributionOptions& options);

/// Hook points that `analyse` reads with default options.
std::vector<std::string> default_hooks(const TransformerSpec& spec);

Analysis analyse(Context& context, const Tokens& tokens, const Target& target,
                 const LayerAttributionOptions& options);

/// Contributions [component, token] float64, with `bias` last.
at::Tensor component_contributions(const Analysis& analysis);

/// Largest ratio of difference and size. 0 / 0 counts as 0, any other number over 0 as very large.
double largest_ratio(const at::Tensor& difference, const at::Tensor& size);

/// Adds the receipt that heads and bias sum to the attention output.
HeadResult head_contributions(const Model& model, Analysis& analysis);

std::vector<Neuron> list_neurons(const Model& model, const Analysis& analysis, std::int64_t count);

/// What `ablate` replaces.
struct AblationPlan {
  std::vector<Ablation> kinds;
  bool heads = false;                         ///< replace single heads as well
  const ReferenceMeans* reference = nullptr;  ///< means for `Ablation::mean`
};

/// Adds the receipt that replacing an activation by itself changes nothing.
/// \param contributions  result of `component_contributions`
AblationResult ablate(const Model& model, const Tokens& tokens, Analysis& analysis,
                      const at::Tensor& contributions, const AblationPlan& plan);

/// Adds the receipts about the direct attribution.
/// \param sum_residual  [token] float64, sum of the components minus the target logit
void check_direct(const Model& model, const Tokens& tokens, Analysis& analysis,
                  const at::Tensor& sum_residual);

}  // namespace lensbench::attribution
