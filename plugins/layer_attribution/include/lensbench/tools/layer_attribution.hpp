#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Comparisons, neurons and ablations in addition to the direct attribution.
struct LayerAttributionOptions {
  /// Second token: the logit difference target minus versus is attributed.
  std::optional<Target> versus = std::nullopt;
  /// Position of the listed neurons and of the comparison with the model's logits; negative ones
  /// count from the end.
  std::int64_t position = -1;
  bool heads = true;         ///< compute the contributions of single heads
  std::int64_t neurons = 0;  ///< number of MLP neurons listed, largest absolute contribution first
  /// Replacements of each attention and MLP output: `zero`, `mean_of_prompt`, both, or empty for
  /// none.
  std::vector<std::string> ablation = {"zero", "mean_of_prompt"};
};

/// Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer
/// Circuits"; nostalgebraist 2020), with ablation as a causal check: shows which component wrote
/// the answer.
///
/// With the scale of the final norm frozen at its real value, the logit of a target at a token is a
/// sum over everything that was added to the residual stream there. With LayerNorm
///   logit = sum_c (x_c - mean(x_c)) / scale * gain . w + (norm bias . w + unembedding bias),
/// times the logit scale and before any softcap; RMSNorm has neither mean nor bias. `w` is the
/// unembedding row of the target, or the difference of two rows.
class LENSBENCH_API LayerAttribution : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "2";

  /// Attributes the logit of a target. Every variable has units `1` (logits) and is float64 unless
  /// stated otherwise. `layer` is the block index, counted from 0.
  ///
  /// - `target_id`, `versus_id` [token] int64: `versus_id` only with `versus`.
  /// - `target_logit` [token]: logit of the model before any softcap, or the logit difference.
  /// - `final_norm_scale` [token]: divisor of the contributions.
  /// - `logit_contribution` [component, token]: `embed`, `pos_embed`, `{l}_attn_out`,
  ///   `{l}_mlp_out`, each with its own output bias, and `bias`: the final norm's bias through the
  ///   unembedding plus the bias of the unembedding.
  /// - `cumulative` [component, token]: running sum in that order.
  /// - `sum_residual` [token]: sum of the contributions minus `target_logit`; only rounding.
  /// - `layer_contribution` [layer, token]: attention and MLP of a block together.
  /// - `accumulated` [layer, token]: embeddings, blocks up to this one, and `bias`; the last equals
  ///   `target_logit`.
  /// - `head_contribution` [layer, head, token]: each head, without the output bias b_O.
  /// - `attention_bias_contribution` [layer, token]: b_O; with the heads it sums to `{l}_attn_out`.
  /// - `neuron_layer`, `neuron_index` int32, `neuron_contribution` [rank]: neurons at `position`.
  /// - `ablation_effect` [ablation, component, token]: ablated minus real logit. The output is
  ///   replaced at all tokens of the prompt by zeros (`zero`) or by its mean over them
  ///   (`mean_of_prompt`), all later components run again with their norms, and the effect is read
  ///   at this token. NaN: not ablated.
  /// - `pearson`, `spearman` [ablation, token]: correlation, over attention and MLP outputs, of the
  ///   contribution with the lost logit (minus the effect); NaN where nothing varies.
  ///
  /// Attributes: `target`, `versus`, `position` (from the start), `final_norm`.
  /// \throws UsageError for an empty prompt, a position outside it, a token outside the vocabulary,
  ///   a `versus` equal to the target at every token, an unknown or repeated ablation, a negative
  ///   or too large `neurons`, a model that does not normalise before its sublayers
  virtual Dataset to_logit(const Tokens& tokens, const Target& target = Target::model(),
                           const LayerAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench
