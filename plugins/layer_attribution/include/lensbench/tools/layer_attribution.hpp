#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// What is compared, listed and ablated beside the direct attribution.
struct LayerAttributionOptions {
  /// Attribute the logit difference target minus versus.
  std::optional<Target> versus = std::nullopt;
  /// Where to list neurons and to compare with the model's logits; negative counts from the end.
  std::int64_t position = -1;
  bool heads = true;         ///< contributions of single heads
  std::int64_t neurons = 0;  ///< list the k MLP neurons of largest absolute contribution; 0: none
  /// `zero`, `mean`, both, or empty: what each attention and MLP output is replaced by.
  std::vector<std::string> ablation = {"zero", "mean"};
};

/// Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer
/// Circuits"; nostalgebraist 2020) with ablation as the causal check: which component wrote the
/// answer.
///
/// The logit of a target at a token is a sum over everything that was added to the residual stream
/// there, once the scale of the final norm is frozen at its real value: with LayerNorm
///   logit = sum_c (x_c - mean(x_c)) / scale * gain . w + (norm bias . w + unembedding bias),
/// times the logit scale and before any softcap; RMSNorm has neither mean nor bias. `w` is the
/// unembedding row of the target, or the difference of two rows.
class LENSBENCH_API LayerAttribution : public Tool {
 public:
  /// Every variable has units `1` (logits); float64 unless said otherwise. `layer` is the block,
  /// the first is 0.
  ///
  /// - `target_id`, `versus_id` [token] int64: `versus_id` only where a difference was asked for.
  /// - `target_logit` [token]: the model's, before any softcap; or the difference.
  /// - `final_norm_scale` [token]: what contributions were divided by.
  /// - `logit_contribution` [component, token]: `embed`, `pos_embed`, `{l}_attn_out`,
  /// `{l}_mlp_out`,
  ///   `bias`: each output with its own bias; `bias` is the final norm's bias through the
  ///   unembedding plus the unembedding's.
  /// - `cumulative` [component, token]: running sum in that order.
  /// - `sum_residual` [token]: sum of the contributions minus `target_logit`: rounding.
  /// - `layer_contribution` [layer, token]: attention and MLP of a block together.
  /// - `accumulated` [layer, token]: embeddings, blocks up to this one, and `bias`: the last equals
  ///   `target_logit`.
  /// - `head_contribution` [layer, head, token]: without the output bias b_O.
  /// - `attention_bias_contribution` [layer, token]: b_O; with the heads it sums to `{l}_attn_out`.
  /// - `neuron_layer`, `neuron_index` int32, `neuron_contribution` [rank]: at `position`.
  /// - `ablation_effect` [ablation, component, token]: ablated minus real logit. The output is
  ///   replaced at all tokens of the prompt, by zeros or by its mean over them, all that follows
  ///   runs again with its norms, and the effect is read at this token. NaN: not ablated.
  /// - `pearson`, `spearman` [ablation, token]: over attention and MLP outputs, of the contribution
  ///   with the logit lost (minus the effect); NaN where nothing varies.
  ///
  /// Attributes: `target`, `versus`, `position` (from the start), `final_norm`.
  /// \throws UsageError for an empty prompt, a position outside it, a token outside the vocabulary,
  ///   a `versus` that is the target at every token, an unknown or repeated ablation, a negative or
  ///   too large `neurons`, a model that does not normalise before its sublayers
  virtual Dataset to_logit(const Tokens& tokens, const Target& target = Target::model(),
                           const LayerAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench
