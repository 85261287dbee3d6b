#pragma once

#include <cstdint>
#include <lensbench/generation.hpp>
#include <lensbench/tool.hpp>
#include <memory>
#include <vector>

namespace lensbench {

struct TokenAnalyzerOptions {
  std::int64_t top_k = 10;
  std::int64_t max_new_tokens = 0;   ///< 0: analyse the text as given
  SamplingOptions sampling = {};
  std::vector<double> temperatures = {};  ///< distributions to compare at each step
};

/// How a model chose each token, of a given text or of its own generation.
class LENSBENCH_API TokenAnalyzer : public Tool {
 public:
  /// Variables as in the archive contract, over the text followed by what was generated.
  virtual Dataset analyze(const Tokens& tokens, const TokenAnalyzerOptions& options = {}) = 0;

  /// The same text read by another model with the same vocabulary: `kl`, `js_divergence`,
  /// `rank_in_other` [token], …
  /// \throws UsageError if the vocabularies differ
  virtual Dataset compare(const Tokens& tokens, const Model& other, std::int64_t top_k = 10) = 0;
};

}  // namespace lensbench
