#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/sparsity.hpp>
#include <vector>

#include "activity.hpp"
#include "neurons.hpp"

namespace lensbench::neurons {

/// Activity of all neurons of a layout over many tokens, which are not kept.
class TextActivity {
 public:
  TextActivity(const NeuronLayout& layout, std::int64_t bins);

  /// Adds rows of a site of the piece that is running.
  /// \throws RunError for activations that are not finite
  void add(const NeuronSite& site, const at::Tensor& rows,
           const std::vector<std::int64_t>& positions);
  /// Ends a piece, after the neurons of all its tokens were added.
  void end_piece();

  /// Numbers of each neuron, [block, neuron] float64 where nothing else is said.
  struct Neurons {
    at::Tensor rows;                                   ///< int64
    at::Tensor frequency, positive_frequency;          ///< NaN: no rows
    at::Tensor mean, rms, kurtosis, maximum, minimum;  ///< NaN: no rows
    at::Tensor gini;                                   ///< NaN: all 0
    at::Tensor active_above;                           ///< 0: all 0
    at::Tensor dead;                                   ///< int8
  };
  Neurons neurons(double threshold, double dead_below) const;

  /// Means over the tokens, [block] float64; NaN without tokens.
  at::Tensor mean_l1() const;
  at::Tensor mean_hoyer() const;
  std::int64_t tokens() const { return tokens_; }

  /// Histogram of all activations: counts [block, bin] int64 and the edges [bin + 1].
  struct Histogram {
    at::Tensor counts, edges;
  };
  Histogram histogram() const;

  /// Largest relative difference, over blocks, of the sum of squares by neuron and by token.
  double squares_difference() const;

 private:
  struct BlockTokens {
    std::vector<double> l1, squares;  ///< [position] of the running piece
    std::vector<std::int64_t> numbers;
    double l1_sum = 0, hoyer_sum = 0, squares_sum = 0;
    std::int64_t tokens = 0, hoyers = 0;
  };
  /// \param l1, squares  lanes of the sums of each row
  void add_tokens(const NeuronSite& site, const std::vector<std::int64_t>& positions,
                  const std::vector<double>& l1, const std::vector<double>& squares);
  std::size_t index(const NeuronSite& site) const;

  NeuronLayout layout_;
  std::int64_t bins_;
  std::int64_t tokens_ = 0;
  std::vector<ColumnMoments> moments_;  ///< moments of each site
  std::vector<SizeCounts> sizes_;       ///< counts of each block
  std::vector<SignedCounts> signed_;    ///< counts of each block
  std::vector<BlockTokens> blocks_;
};

/// Activity over a text and what it was measured on.
struct MeasuredText {
  TextActivity activity;
  std::int64_t pieces = 0, first_tokens = 0;
};

/// Runs the text, or the prompt, once.
/// \throws RunError if the run is to stop
MeasuredText measure_text(Context& context, const Tokens& prompt, const NeuronLayout& layout,
                          const SparsityOptions& options);

/// Measures of the prompt's tokens, [block, token]: `l0` int32, others float64.
struct PromptActivity {
  at::Tensor l0, l1, hoyer, gini, kurtosis;
};

/// \param active_above  [block, neuron]
PromptActivity measure_prompt(const Model& model, const Tokens& prompt, const NeuronLayout& layout,
                              const at::Tensor& active_above);

}  // namespace lensbench::neurons
