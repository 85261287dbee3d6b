#pragma once

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Corruption and restorations of a trace.
struct CausalTracingOptions {
  std::int64_t position = -1;  ///< position of the probability; negative ones count from the end
  double noise = 3.0;          ///< in standard deviations of the embedding
  /// Embeddings whose entries give the standard deviation: `vocabulary`, the `subject`'s tokens, or
  /// all tokens of the `prompt`.
  std::string noise_from = "vocabulary";
  std::int64_t samples = 10;  ///< number of noises, the same for every restoration
  /// Restored activations: any of `state` (stream after a block), `attn`, `mlp` (outputs).
  std::vector<std::string> kinds = {"state", "attn", "mlp"};
  std::int64_t window = 10;       ///< blocks that `attn` and `mlp` restore together
  std::int64_t most_cells = 256;  ///< most restored runs in one forward
};

/// Causal tracing (Meng et al., arXiv:2202.05262): the tokens of a subject are corrupted, and one
/// clean activation at a time is restored, to see where the model holds what it knows about the
/// subject. With p the probability of the object, averaged over the noises,
///
///     total_effect    = p(clean) - p(corrupted)
///     indirect_effect = p(restored) - p(corrupted)
class LENSBENCH_API CausalTracing : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Traces with normal noise on the embeddings of the subject's tokens.
  ///
  /// - `restored_probability`, `indirect_effect`, `indirect_effect_se` (standard error over
  ///   samples), `restored_log_probability` (nats, mean over samples) [kind, block, token]: kinds
  ///   `attn` and `mlp` restore the window of blocks around `block`, from block - floor(window / 2)
  ///   to block + ceil(window / 2) - 1, as far as they exist; `state` the stream after `block`.
  /// - `clean_probability`, `corrupted_probability`, `total_effect`, `noise_standard_deviation`,
  ///   `predicted_correctly` (1 if the object is the clean run's first choice) int8, scalars.
  /// - `control_total_effect`: total effect of noise on as many tokens that are not of the subject,
  ///   drawn anew for each sample (NaN: there are none).
  /// - coordinates `subject`, `differs` int8 and `source_token` [token].
  /// \param tokens   the prompt
  /// \param subject  positions of the subject's tokens
  /// \param object   token whose probability is read
  /// \param options  corruption and restorations
  /// \throws UsageError for a subject without tokens or outside the prompt, an unknown kind, a
  ///   window or number of samples below 1, and as `MetricReader`
  virtual Dataset trace(const Tokens& tokens, const std::vector<std::int64_t>& subject,
                        const Target& object = Target::model(),
                        const CausalTracingOptions& options = {}) = 0;

  /// Traces with another prompt instead of noise (symmetric replacement, Zhang & Nanda,
  /// arXiv:2309.16042): the corrupted run is that of `replaced`, whose tokens differ at the
  /// subject. Variables as in `trace`, without `noise_standard_deviation` and
  /// `control_total_effect`. \throws UsageError for prompts of other lengths or equal prompts, and
  /// as `trace`
  virtual Dataset trace_replaced(const Tokens& tokens, const Tokens& replaced,
                                 const Target& object = Target::model(),
                                 const CausalTracingOptions& options = {}) = 0;
};

}  // namespace lensbench
