#pragma once

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Cells, metric and replacement of a patching sweep.
struct ActivationPatchingOptions {
  MetricOptions metric = {};                 ///< number to read, and where
  Direction direction = Direction::denoise;  ///< which prompt of a pair is changed
  /// Stream and sublayer outputs to replace, one at a time: any of `resid_pre`, `resid_mid`,
  /// `attn_out`, `mlp_out`, and all heads of `z`, `q`, `k`, `v`, `pattern`.
  std::vector<std::string> points = {"resid_pre", "attn_out", "mlp_out"};
  /// Activations to replace head by head: any of `z`, `q`, `k`, `v`, `pattern`.
  std::vector<std::string> head_points = {"z"};
  /// One cell for each position; false: all positions are replaced at once.
  bool by_position = true;
  std::int64_t most_cells = 256;  ///< most cells in one forward; bounds memory, not results
  double min_gap = 0.1;           ///< least |gap| for which recoveries are computed
  /// Prompts of `mean` and `resample`: one in each line of a file, or JSONL with `text` or `ids`.
  /// Empty: the prompts of all cases of the run.
  std::string reference = {};
};

/// Activation patching (Vig et al., arXiv:2004.12265; Heimersheim & Nanda, arXiv:2404.15255): each
/// activation of one run is replaced, alone, and a number of the changed run is read:
///
///     effect(cell)   = m(changed) - m(base)
///     recovery(cell) = effect / (m(source) - m(base))
class LENSBENCH_API ActivationPatching : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Replaces activations of one prompt by those of the other at the same place.
  ///
  /// - `{point}_effect`, `{point}_recovery` [block, token], and `{point}_head_effect`,
  ///   `{point}_head_recovery` [block, head or kv_head, token]; without `token` if all positions
  ///   are replaced at once. Float64, in units of the metric and 1. Recovery is NaN if the gap is
  ///   smaller than `min_gap`.
  /// - `base_metric`, `source_metric`, `gap` (source minus base), scalars.
  /// - coordinates `input_token` (base), `source_token`, `differs` [token].
  ///
  /// A `pattern` cell replaces one row of the pattern, the weights of one query, or the whole
  /// pattern of a head; keys and values stay those of the base run.
  /// \param clean      the prompt that is asked about
  /// \param corrupted  the other prompt, as long in tokens
  /// \param target     token whose metric is read
  /// \param options    cells and metric
  /// \throws UsageError for prompts of other lengths (both token lists are shown) or equal prompts,
  ///   an unknown point, a point that the family lacks, no points at all, and as `MetricReader` and
  ///   `sweep_cells`
  virtual Dataset patch(const Tokens& clean, const Tokens& corrupted,
                        const Target& target = Target::model(),
                        const ActivationPatchingOptions& options = {}) = 0;

  /// Replaces activations of one prompt by something that is not of a pair: an ablation. The
  /// variables are the effects and `base_metric`.
  /// \param tokens       the prompt
  /// \param replacement  `zero`; `mean`, over all positions of the reference prompts;
  ///   `mean_of_prompt`, over the positions of this prompt; `resample`, the activations at the same
  ///   positions of a reference prompt that is at least as long, drawn by the seed
  /// \param target       token whose metric is read
  /// \param options      cells and metric; `direction` and `min_gap` are not used
  /// \throws UsageError as `patch`, for an unknown replacement, `pattern` with a mean, `mean` with
  ///   fewer than two reference prompts, `resample` without a reference prompt that is long enough
  virtual Dataset ablate(const Tokens& tokens, const std::string& replacement,
                         const Target& target = Target::model(),
                         const ActivationPatchingOptions& options = {}) = 0;
};

}  // namespace lensbench
