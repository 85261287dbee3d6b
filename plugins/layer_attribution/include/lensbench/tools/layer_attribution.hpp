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
  /// Compute the contributions of single heads and, with `ablation`, the effects of their ablation.
  bool heads = true;
  std::int64_t neurons = 0;  ///< number of MLP neurons listed, largest absolute contribution first
  /// Replacements of each attention output, MLP output and head: any of `zero`, `mean`,
  /// `mean_of_prompt`, or empty for none.
  std::vector<std::string> ablation = {"zero", "mean_of_prompt"};
  /// File of the prompts that `mean` averages over: one in each line, or JSONL with `text` or `ids`
  /// (`Corpus`). Empty: the prompts of all cases of the run (`Context::reference_prompts`).
  std::string reference = {};
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
  ///   replaced at all tokens of the prompt by zeros (`zero`), by its mean over all tokens of
  ///   the reference prompts (`mean`) or by its mean over the tokens of this prompt
  ///   (`mean_of_prompt`), all later components run again with their norms, and the effect is read
  ///   at this token. NaN: not ablated.
  /// - `head_ablation_effect` [ablation, layer, head, token]: the same for one attention head,
  ///   whose `attn.hook_z` is replaced; only with `heads`.
  /// - `pearson`, `spearman` [ablation, token]: correlation, over attention and MLP outputs, of the
  ///   contribution with the lost logit (minus the effect); NaN where nothing varies.
  ///
  /// Attributes: the options by their names, `position` from the start, `reference` as `cases` or
  /// the name of the file, whose digest is `reference_sha256`; `final_norm`; with `mean` also
  /// `reference_prompts` and `reference_tokens`, the numbers of prompts and of tokens that were
  /// averaged over. \throws UsageError for an empty prompt, a position outside it, a token outside
  /// the vocabulary,
  ///   a `versus` equal to the target at every token, an unknown or repeated ablation, `mean` with
  ///   fewer than two cases and without `reference`, `reference` without `mean`, a negative
  ///   or too large `neurons`, a model that does not normalise before its sublayers
  virtual Dataset to_logit(const Tokens& tokens, const Target& target = Target::model(),
                           const LayerAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench
