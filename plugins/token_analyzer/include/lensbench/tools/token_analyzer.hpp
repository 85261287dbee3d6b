#pragma once

#include <cstdint>
#include <lensbench/generation.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <vector>

namespace lensbench {

/// Candidates, sampler and comparisons for each token.
struct TokenAnalyzerOptions {
  std::int64_t top_k = 10;          ///< candidates listed for each token; 0: none
  std::int64_t max_new_tokens = 0;  ///< 0: analyse the text as given
  SamplingOptions sampling = {};  ///< sampler that generates, or that a given text is compared with
  /// Temperatures to compare at each token; 0 is greedy.
  std::vector<double> temperatures = {0.5, 0.7, 1, 1.5};
  /// p of each nucleus to measure at each token.
  std::vector<double> nucleus = {0.5, 0.9, 0.95};
  /// Robust z-score of the entropy above which a token is a jump (`JumpRule` in the tool's
  /// flags.hpp: the modified z-score of Iglewicz and Hoaglin 1993, one-sided, against the sequence
  /// so far).
  double entropy_jump_threshold = 3.5;
  std::int64_t entropy_jump_history = 8;  ///< entropies needed before the first judgement
};

/// Analysis of how a model chose each token of a given text or of its own generation.
///
/// The values at a token describe how that token was chosen: they come from the model's
/// distribution at the position before it. The first token has no such distribution: its numbers
/// are NaN, its ids, ranks and counts -1, its flags false. Probabilities are the softmax of the
/// final logits unless the name says otherwise; sums are float64 in index order. Needs a causal
/// language model.
class LENSBENCH_API TokenAnalyzer : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Analyses the text and the tokens generated after it. Receipts: distributions sum to 1,
  /// perplexity recomputed from the probabilities, the sampler's probabilities, cached steps
  /// against a full forward. Variables (float64 unless stated):
  ///
  /// | dims | variable | units | meaning |
  /// |---|---|---|---|
  /// | token | `chosen_id` | int32 | the token itself |
  /// | | `chosen_probability` | 1 | |
  /// | | `chosen_rank` | int32 | 1 + tokens with a strictly larger logit |
  /// | | `surprisal` | nats | -ln chosen_probability |
  /// | | `entropy` | nats | of the distribution |
  /// | | `margin` | 1 | top-1 minus top-2 probability |
  /// | | `generated` | bool | chosen by the model in this run |
  /// | | `sampling_probability` | 1 | of drawing it after temperature, top-k and top-p |
  /// | | `sampling_candidates` | int32 | tokens that could be drawn |
  /// | | `kept_by_top_k`, `kept_by_top_p` | 1 | share of the tempered distribution that the |
  /// | | | | sampler's top-k leaves; share of that which top-p leaves |
  /// | | `left_first_choice` | bool | chosen_rank above 1 |
  /// | | `entropy_score` | 1 | robust z-score of the entropy against those before it |
  /// | | `entropy_jump` | bool | entropy_score above the threshold |
  /// | token, rank | `top_id` (int32), `top_probability` | 1 | candidates, best first |
  /// | | `top_cumulative_probability` | 1 | what top-k keeps for k = 1, 2, … |
  /// | token, nucleus | `nucleus_size` (int32), `nucleus_probability` | 1 | smallest set of best |
  /// | | | | tokens whose probability reaches p, and that probability |
  /// | token, temperature | `entropy_at_temperature` | nats | |
  /// | | `top_probability_at_temperature`, `chosen_probability_at_temperature` | 1 | |
  /// | rank | `next_top_id` (int32), `next_top_probability` | 1 | what would come after the end |
  /// | | | | (-1, NaN where the text is one longer than the model's positions) |
  /// | (none) | `next_entropy` | nats | |
  /// | | `perplexity`, `text_perplexity`, `generated_perplexity` | 1 | exp of the mean surprisal |
  /// | | | | of all scored tokens, of those given, of those generated; NaN where there are none |
  /// | | `scored_tokens` | int64 | tokens in `perplexity` |
  ///
  /// Attributes: the options by the names of the tool's parameters, and `seed`.
  /// \throws UsageError for options out of range, or a text that with the new tokens exceeds the
  ///   model's positions; RunError where logits are not finite
  virtual Dataset analyze(const Tokens& tokens, const TokenAnalyzerOptions& options = {}) = 0;

  /// Compares with another model of the same vocabulary on the same text. In addition to
  /// `chosen_id`, `chosen_probability`, `chosen_rank`, `surprisal`, `entropy`, `top_id`,
  /// `top_probability`, `perplexity`, `scored_tokens` of this model, as above:
  ///
  /// | dims | variable | units | meaning |
  /// |---|---|---|---|
  /// | token | `kl`, `kl_reverse` | nats | KL(this \|\| other), KL(other \|\| this) |
  /// | | `js_divergence` | nats | Jensen-Shannon, with the mixture; 0 to ln 2 |
  /// | | `surprisal_in_other`, `entropy_in_other` | nats | |
  /// | | `rank_in_other` | int32 | of the token itself |
  /// | | `rank_change` | int32 | rank_in_other - chosen_rank; 0 at the first token |
  /// | | `top_differs` | bool | the models' first choices are different tokens |
  /// | token, rank | `other_top_id` (int32), `other_top_probability` | 1 | the other's candidates |
  /// | | `top_rank_in_other` | int32 | rank the other gives `top_id` |
  /// | | `other_top_rank` | int32 | rank this model gives `other_top_id` |
  /// | (none) | `mean_kl`, `mean_kl_reverse`, `mean_js_divergence` | nats | over scored tokens |
  /// | | `top_agreement` | 1 | share of scored tokens with the same first choice |
  /// | | `first_parting` | int64 | position of the first token where they differ; -1: nowhere |
  /// | | `perplexity_in_other` | 1 | |
  ///
  /// Attributes: `top_k`, and of the other model the name of its folder as `versus_model` and the
  /// digest of its files as `versus_model_sha256` (`Context::record_model`).
  /// \throws UsageError if the vocabularies differ in size or, where both models have a tokenizer,
  ///   in any token
  virtual Dataset compare(const Tokens& tokens, const Model& other, std::int64_t top_k = 10) = 0;
};

}  // namespace lensbench
