#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

namespace lensbench::dictionaries {

/// A token at which a feature is active, and the text around it.
struct FeatureExample {
  double activation = 0;
  std::int64_t document = 0, position = 0;
  std::string text = {};  ///< the token is in « »
};

/// The tokens of a text at which some features are most active, as they are read.
class FeatureExamples {
 public:
  /// \param k  examples of each feature
  FeatureExamples(std::vector<std::int64_t> features, std::int64_t k);
  /// Adds the tokens of a sequence.
  /// \param activations     [token, feature]
  /// \param counted         [token] bool, tokens that may be examples
  /// \param document        number of the document
  /// \param first_position  position of the first token in it
  void add(const Tokens& tokens, const at::Tensor& activations, const at::Tensor& counted,
           std::int64_t document, std::int64_t first_position);
  void write(Dataset& dataset) const;

 private:
  std::vector<std::int64_t> features_;
  std::size_t k_;
  std::vector<std::vector<FeatureExample>> top_;  ///< by feature, the best first
};

}  // namespace lensbench::dictionaries
