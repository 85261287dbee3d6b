#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <lensbench/statistics.hpp>

#include "ablation.hpp"
#include "analysis.hpp"
#include "targets.hpp"

// Effects of ablation, and how far the direct attribution agrees with them.

namespace lensbench::attribution {
namespace {

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

/// The mean over a prompt of one token is the token itself.
void clear_means(AblationResult& result, const AblationPlan& plan) {
  for (std::size_t kind = 0; kind < plan.kinds.size(); ++kind) {
    if (plan.kinds[kind] != Ablation::mean_of_prompt) continue;
    const auto row = static_cast<std::int64_t>(kind);
    result.effect[row].zero_();
    if (plan.heads) result.head_effect[row].zero_();
  }
}

}  // namespace

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
  if (tokens.size() == 1) clear_means(result, plan);
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
