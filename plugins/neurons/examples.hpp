#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <map>
#include <string>
#include <vector>

#include "neurons.hpp"

namespace lensbench::neurons {

/// Philox stream of the random sample of tokens.
constexpr std::uint64_t kSampleStream = 0x4e45;

/// A token of the text and the activation of a neuron there.
struct Example {
  double activation = 0;
  std::int64_t piece = 0;  ///< number of the piece in the text
  std::int64_t place = 0;  ///< position in the piece
  std::int64_t document = 0, position = 0;
  std::int64_t token = 0;  ///< id
};

/// Tokens around an example, in its piece.
struct ExampleContext {
  std::string label;                ///< the last few tokens before it, and the token
  std::string text;                 ///< with the token itself between « and »
  std::vector<std::string> tokens;  ///< text of each
  std::vector<double> activations;  ///< activations of the neuron, at each
};

/// What a text shows of one neuron.
struct NeuronExamples {
  std::vector<Example> top;                     ///< largest activation first
  std::vector<ExampleContext> contexts;         ///< context of each top example
  std::vector<std::vector<Example>> quantiles;  ///< lowest first; examples of each
  double type_entropy = 0, context_spread = 0, random_context_spread = 0;
  double mean = 0, rms = 0;
};

/// What a text shows.
struct TextExamples {
  std::vector<NeuronExamples> neurons;
  double random_type_entropy = 0;
  std::int64_t tokens = 0, first_tokens = 0, pieces = 0, sampled = 0;
  double reproduced = 0;  ///< largest difference of a listed activation from its piece run alone
};

/// Reads the text once for the examples, and those of its pieces that have some once more.
/// \throws RunError if the run is to stop
TextExamples find_examples(Context& context, const Tokens& prompt,
                           const std::vector<NeuronId>& neurons,
                           const NeuronExplorerOptions& options);

/// Entropy of the tokens of examples, in nats.
double type_entropy(const std::vector<std::int64_t>& tokens);
/// One less the mean cosine over all pairs of rows [row, width], each less `mean` [width]; NaN for
/// fewer than two rows that are not 0.
double spread_of_rows(const at::Tensor& rows, const at::Tensor& mean);

}  // namespace lensbench::neurons
