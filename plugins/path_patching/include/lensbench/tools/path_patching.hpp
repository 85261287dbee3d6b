#pragma once

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Paths and metric of a sweep.
struct PathPatchingOptions {
  MetricOptions metric = {};               ///< number to read, and where
  Direction direction = Direction::noise;  ///< which prompt of a pair is changed
  /// What writes: `heads` (each head), `mlps`, `attentions` (the whole attention of each block),
  /// `embed`, or names: `L0H1`, `2_mlp_out`, `2_attn_out`.
  std::vector<std::string> senders = {"heads", "mlps"};
  /// What reads: `q`, `k`, `v` (that input of each head), `heads` (all three), `mlps`, `logits`,
  /// `all`, or names: `L5H2.q`, `L5.k` (all heads of the block together), `3_mlp_in`. Where heads
  /// share keys and values, those are named by their own head: `L5KV0.k`.
  std::vector<std::string> receivers = {"logits"};
  /// The MLPs between sender and receiver run again; false: they keep the output of the base run.
  bool recompute_mlps = false;
  /// One path for each position; false: all positions at once.
  bool by_position = false;
  std::int64_t most_cells = 256;  ///< most changed runs in one forward; bounds memory, not results
  double min_gap = 0.1;           ///< least |gap| for which recoveries are computed
};

/// Path patching (Wang et al., arXiv:2211.00593; Goldowsky-Dill et al., arXiv:2304.05969): the
/// output of a sender is replaced by that of another run, for one receiver alone, and a number of
/// the changed run is read:
///
///     x_r                        = base input of r + (a_s(source) - a_s(base))
///     effect(sender, receiver)   = m(r reads x_r, everything after it runs) - m(base)
///     recovery(sender, receiver) = effect / (m(source) - m(base))
class LENSBENCH_API PathPatching : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Patches every path from a sender to a later receiver.
  ///
  /// - `effect`, `recovery` [sender, receiver], or [sender, receiver, token] by position; float64,
  ///   in units of the metric and 1. NaN where the receiver is not later than the sender; recovery
  ///   also if the gap is smaller than `min_gap`.
  /// - `frozen_norm_effect` [sender], where `logits` is a receiver and MLPs are frozen: the change
  ///   of the target's logit (less that of versus) by the direct path, with the scale of the final
  ///   norm held at that of the base run.
  /// - `base_metric`, `source_metric`, `gap` (source minus base), scalars.
  /// - coordinates `sender`, `receiver` (labels), `input_token` (base), `source_token`, `differs`
  ///   [token].
  /// \param clean      the prompt that is asked about
  /// \param corrupted  the other prompt, as long in tokens
  /// \param target     token whose metric is read
  /// \param options    paths and metric
  /// \throws UsageError for prompts of other lengths (both token lists are shown) or equal prompts,
  ///   an unknown sender or receiver, a single head where a norm follows the sublayer, receivers
  ///   none of which is later than a sender, and as `MetricReader` and `sweep_cells`
  virtual Dataset patch_paths(const Tokens& clean, const Tokens& corrupted,
                              const Target& target = Target::model(),
                              const PathPatchingOptions& options = {}) = 0;
};

}  // namespace lensbench
