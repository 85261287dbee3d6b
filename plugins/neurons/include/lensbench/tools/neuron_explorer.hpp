#pragma once

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/target.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// One neuron of an MLP.
struct NeuronId {
  std::int64_t block = 0;                            ///< block, counted from 0
  std::int64_t index = 0;                            ///< neuron of the block, counted from 0
  bool operator==(const NeuronId&) const = default;  ///< compares both fields
};

/// What `NeuronExplorer` shows, and of which neurons.
struct NeuronExplorerOptions {
  std::vector<NeuronId> neurons = {};  ///< empty: the `count` neurons of largest kurtosis
  std::int64_t count = 5;              ///< number of neurons where none are given
  std::string text = {};               ///< file that is searched (`Corpus`); empty: the prompt
  std::int64_t window = 256;           ///< most tokens of a window of the text
  std::int64_t windows = 0;            ///< most windows of the text, chosen at random; 0: all
  bool exclude_first = true;           ///< leave the first token of each document out
  std::int64_t examples = 20;          ///< top examples of each neuron
  std::int64_t context = 12;           ///< tokens that are shown on both sides of an example
  bool distinct = true;                ///< at most one top example of each document
  std::int64_t quantiles = 5;          ///< equal parts of the tokens, by activation
  std::int64_t top_k = 10;             ///< tokens that a neuron writes and reads
  std::vector<double> factors = {0.0, 2.0};  ///< the activation is multiplied by each
  /// Two neurons: the first takes (1 - t) times its own activation plus t times the second's.
  std::vector<NeuronId> interpolate = {};
  MetricOptions metric = {};  ///< number whose change is measured on the prompt
  /// Inputs of large activation to search for: `embedding`, `tokens`.
  std::vector<std::string> optimise = {};
  std::int64_t optimise_steps = 200;  ///< most steps of each search
  std::int64_t length = 8;            ///< tokens of such an input
};

/// Where neurons of an MLP are most active in a text, which tokens they write and read, and what
/// they change in a prompt (Bills et al. 2023, "Language models can explain neurons in language
/// models"), and which input they respond to most (Ebrahimi et al. 2018, arXiv:1712.06751).
class LENSBENCH_API NeuronExplorer : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Explores neurons. Float64 where nothing else is said, units `1` or those of the metric. The
  /// axis `neuron` has the coordinates `neuron` (`2:17`), `neuron_block`, `neuron_index`.
  ///
  /// - Over the text: `top_activation`, `top_document`, `top_position` int64, `top_token` int32
  ///   [neuron, example]; `example_activation` [example_row] with `example_text`,
  ///   `example_neuron`, `example_rank`;
  ///   `context_activation` [context_token] with `context_row`, `context_text`;
  ///   `quantile_activation`, `quantile_document`, `quantile_position`, `quantile_token` [neuron,
  ///   quantile, sample]; `type_entropy` (nats), `context_spread`, `mean_activation`,
  ///   `rms_activation`, `corpus_maximum` [neuron], and the first two of random tokens:
  ///   `random_type_entropy` [], `random_context_spread` [neuron].
  /// - From weights: `output_top_id` int32, `output_top_value`, `input_top_id`, `input_top_value`
  ///   [neuron, sign, rank], `gate_top_id`, `gate_top_value` of gated MLPs. Left out where the
  ///   stream is normalised after each sublayer.
  /// - In the prompt: `activation` [neuron, token], `scale_effect` [neuron, factor],
  /// `interpolation`
  ///   [mix], `base_metric` [].
  /// - Optimised inputs: `optimised_activation` of embeddings, `nearest_activation` of the nearest
  ///   tokens, `tokens_activation` of the best tokens [neuron]; `nearest_token`, `optimised_token`
  ///   int32 [neuron, input_position].
  ///
  /// \throws UsageError for a neuron that does not exist, a mixture of experts, arguments out of
  ///   range; InputError for a file that cannot be read
  virtual Dataset explore(const Tokens& tokens, const Target& target = Target::model(),
                          const NeuronExplorerOptions& options = {}) = 0;
};

}  // namespace lensbench
