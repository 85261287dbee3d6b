#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>

namespace lensbench {

/// What `Sparsity` measures, and on what.
struct SparsityOptions {
  std::string text = {};  ///< file that neurons are measured on (`Corpus`); empty: the prompt
  /// Hook points of the neurons, named without the block: any with the axes [pos, d_mlp] or
  /// [pos, d_model].
  std::string point = "mlp.hook_post";
  double threshold = 1.0;     ///< size of an active neuron, in units of its root mean square
  double dead_below = 0.1;    ///< size of a dead one, in units of that of its whole block
  std::int64_t bins = 64;     ///< most bins of the histogram of all activations
  std::int64_t window = 256;  ///< most tokens of a window of the text
  std::int64_t windows = 0;   ///< most windows of the text, chosen at random; 0: all
  bool exclude_first = true;  ///< leave the first token of each document out
  bool operator==(const SparsityOptions&) const = default;  ///< compares all fields
};

/// How often and how evenly neurons are active over a text, and how many are at each token of a
/// prompt (Hoyer 2004; Hurley and Rickard 2009, arXiv:0811.4706). Memory does not grow with the
/// text.
class LENSBENCH_API Sparsity : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Measures the neurons over the text, and the tokens of the prompt. Float64 where nothing else
  /// is said, units `1`.
  ///
  /// - [block, neuron]: `rows` int64 (tokens; of an expert, those routed to it), `frequency` of
  ///   |a| >= `active_above`, which is `threshold` times `rms`, rounded to five binary digits;
  ///   `positive_frequency` of a > 0; `mean_activation`, `rms`, `kurtosis` (excess),
  ///   `max_activation`, `min_activation`, `gini` (from counts in bins 1/16 to 1/32 wide,
  ///   relative); `dead` int8: |a| stays below `dead_below` times the root mean square of the whole
  ///   block.
  /// - [block]: `mean_l0`, `mean_l1`, `mean_hoyer` over the tokens of the text, `dead_share`.
  /// - `activation_histogram` [block, bin] int64, with coordinates `bin` (middle) and `bin_low`.
  /// - [block, token] of the prompt: `l0` int32, `l1`, `hoyer`, `token_gini`, `token_kurtosis`.
  ///
  /// In a mixture of experts, neuron `e * d_mlp + n` is neuron n of expert e.
  /// \throws UsageError for an empty prompt, arguments out of range, a point without an axis of
  ///   neurons; InputError for a file that cannot be read
  virtual Dataset measure(const Tokens& tokens, const SparsityOptions& options = {}) = 0;
};

}  // namespace lensbench
