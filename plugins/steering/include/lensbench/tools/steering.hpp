#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

/// Change of the residual stream x by a direction v, with u = v / |v|.
enum class SteeringMode {
  add,      ///< x + a v
  project,  ///< x - (x · u) u
  clamp,    ///< x + (a - x · u) u
};

/// Tokens whose stream is changed.
enum class SteeredPart {
  all,        ///< the prompt and the generated tokens
  prompt,     ///< the prompt
  generated,  ///< the generated tokens
  last,       ///< the last token of the prompt
};

/// Two prompts whose streams differ by a direction.
struct SteeringPair {
  Tokens plus;   ///< prompt that has the property
  Tokens minus;  ///< prompt that lacks it
};

/// Grid, metric and texts of a measurement.
struct SteeringOptions {
  MetricOptions metric = {};  ///< number to read, and where; not `kl`, which is always measured
  /// Depths 0 (the embeddings) to n_layers whose stream is changed, one at a time; empty: the
  /// middle one.
  std::vector<std::int64_t> layers = {};
  SteeringMode mode = SteeringMode::add;  ///< formula
  /// Strengths, of which one is 0; empty: -1, -0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1 if `relative`,
  /// else -8, -4, -2, -1, 0, 1, 2, 4, 8. Of `project`: empty, which means 0 (unchanged) and 1
  /// (changed).
  std::vector<double> alphas = {};
  /// True: alpha 1 is as long as the median of the stream over the prompt without its first token,
  /// at that depth. False: alpha is the factor of v in `add`, and the component itself in `clamp`.
  bool relative = true;
  SteeredPart where = SteeredPart::all;  ///< tokens that are changed
  /// Positions of the prompt that are changed, negative ones from its end; empty: by `where`.
  std::vector<std::int64_t> positions = {};
  std::int64_t max_new_tokens = 0;               ///< tokens generated in each cell of the grid
  double temperature = 0.0;                      ///< temperature of the generation; 0: greedy
  std::vector<std::int64_t> target_tokens = {};  ///< counted in generated text; empty: the target
  std::string neutral = "generated:4";           ///< text of the cost, as of `Corpus`
  std::int64_t window = 64;                      ///< most tokens of a window of that text
  std::int64_t windows = 16;                     ///< most windows of that text; 0: all
  std::int64_t controls = 5;                     ///< random directions, at least 1
};

/// Changes the residual stream along a direction and measures the effect, with that of random
/// directions of equal length, and the cost on a text that has nothing to do with it (Turner et
/// al., arXiv:2308.10248; Rimsky et al., arXiv:2312.06681; Arditi et al., arXiv:2406.11717).
class LENSBENCH_API Steering : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Steers one prompt over a grid of depths and strengths.
  ///
  /// - `effect` [layer, alpha], `control_effect` [layer, alpha, draw], units of the metric:
  ///   m(steered) - m(base) at the metric's position; `largest_control_effect` [layer, alpha];
  ///   `kl`, `control_kl`, nats: KL(base || steered) there. NaN if only generated tokens are
  ///   changed.
  /// - `neutral_kl` (nats), `neutral_perplexity` [layer, alpha], `base_neutral_perplexity` []: mean
  ///   KL(base || steered) and perplexity of the neutral text, of which every token is changed.
  /// - `slope` [layer]: d effect / d alpha at 0, by gradient; `linear_range` [layer]: largest
  /// |alpha|
  ///   of the grid up to which every effect is within 10 % of slope times alpha.
  /// - `direction` [layer, d_model] float32, `direction_norm` [layer]; `stream_norm` [layer], the
  ///   median length; `alpha_unit` [layer], the a of alpha 1; `base_metric` []; `steered` [token]
  ///   int8.
  /// - with `max_new_tokens`: `generated_id` [layer, alpha, step] int32 (-1: after the end),
  ///   `generated_text` [cell], one for each layer and alpha,
  ///   `generated_perplexity` under the unchanged model, `target_share`, `distinct_2`
  ///   [layer, alpha], `control_generated_perplexity`, `control_target_share` [layer, alpha, draw].
  /// \param tokens      the prompt
  /// \param directions  [d_model], or [layer, d_model] with one row for each of the layers
  /// \param target      token whose metric is read
  /// \param options     grid, metric and texts
  /// \throws UsageError for a layer that does not exist, alphas without 0 or given twice, a
  ///   direction of another width, zero or not finite, a position outside the prompt, a relative
  ///   scale with a prompt of one token, changes of generated tokens alone without two new tokens,
  ///   the metric `kl`, and as `MetricReader`; InputError for a neutral text that cannot be read
  virtual Dataset steer(const Tokens& tokens, const at::Tensor& directions,
                        const Target& target = Target::model(),
                        const SteeringOptions& options = {}) = 0;

  /// Mean over pairs of the difference of two prompts' streams, [layer, d_model] float32.
  /// \param pairs   at least one
  /// \param layers  depths 0 to n_layers
  /// \param align   position at which both streams are read; negative ones count from the end of
  ///   each prompt
  /// \throws UsageError for a layer that does not exist, a position outside a prompt
  virtual at::Tensor difference(const std::vector<SteeringPair>& pairs,
                                const std::vector<std::int64_t>& layers,
                                std::int64_t align = -1) = 0;

  /// Interventions of one cell of a result: with them `with_interventions` gives the steered model.
  /// \param result  dataset of `steer`
  /// \param layer   one of its layers
  /// \param alpha   any strength; of `project` 0 or 1
  /// \throws UsageError for a layer that the result does not have
  virtual std::vector<Intervention> interventions(const Dataset& result, std::int64_t layer,
                                                  double alpha) const = 0;
};

}  // namespace lensbench
