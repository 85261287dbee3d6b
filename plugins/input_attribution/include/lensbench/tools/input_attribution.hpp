#pragma once

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Methods, baseline and metric of an attribution to input tokens.
struct InputAttributionOptions {
  MetricOptions metric = {};  ///< number to attribute, and where
  /// Any of `gradient_x_input`, `integrated_gradients`, `occlusion`, `attention_gradient`,
  /// `relevance`.
  std::vector<std::string> methods = {"gradient_x_input", "integrated_gradients", "occlusion"};
  std::int64_t steps = 64;        ///< points of the integral
  std::string rule = "midpoint";  ///< `midpoint`, `trapezoid` or `gauss_legendre`
  /// Embedding that stands for no information: `mean` over the vocabulary, `zero`, that of a
  /// `token`, or those of another `prompt`.
  std::string baseline = "mean";
  std::int64_t baseline_token = -1;               ///< for `token`
  std::optional<Tokens> other = std::nullopt;     ///< for `prompt`: as long as the prompt
  std::int64_t window = 1;                        ///< tokens that occlusion replaces together
  std::optional<Tokens> contrast = std::nullopt;  ///< another context of the same target
  std::int64_t layer = 0;  ///< attribution to the stream at this depth; 0: to the embeddings
  double completeness_tolerance = 0.02;  ///< tolerance of the integral's receipt
  /// Memory for the graphs of steps that run together, bytes; bounds memory, not results.
  std::int64_t graph_bytes = std::int64_t{1} << 28;
};

/// Attribution of a number that the model gives to the tokens of its prompt.
class LENSBENCH_API InputAttribution : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// With x the embeddings (or the stream at `layer`), x' the baseline and m the metric:
  ///
  /// - `attribution` [method, token], units of the metric. `gradient_x_input`: sum_d x_td dm/dx_td.
  ///   `integrated_gradients` (Sundararajan et al., arXiv:1703.01365): sum_d (x - x')_td
  ///   sum_k w_k dm/dx_td at x' + alpha_k (x - x'). `occlusion`: m(x) - m(x with a window replaced
  ///   by the baseline), the mean over the windows that contain the token, divided by the window's
  ///   length. `attention_gradient`: sum over blocks, heads and queries of A dm/dA, for key t.
  ///   `relevance` (Chefer et al., arXiv:2103.15679): row `position` of R - I, where R starts as I
  ///   and each block adds mean_h (A dm/dA)^+ R. NaN after `position` in causal models.
  /// - `saliency` [token]: |dm/dx_t|.
  /// - `completeness_gap` [method]: sum of the attributions minus (m(x) - m(x')); NaN for the two
  ///   methods of attention, which do not promise it.
  /// - `input_metric` m(x), `baseline_metric` m(x'), scalars; with `contrast` both less the
  ///   log-probability of the target after the other context.
  /// \throws UsageError for unknown or repeated methods, a rule or baseline that does not exist,
  ///   steps or window below 1, a layer that does not exist, `kl` (whose gradient at the run itself
  ///   is 0), `contrast` with a metric other than `log_probability`, and as `MetricReader`
  virtual Dataset attribute(const Tokens& tokens, const Target& target = Target::model(),
                            const InputAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench
