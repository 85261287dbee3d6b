#pragma once

#include <lensbench/tools/token_analyzer.hpp>
#include <memory>
#include <string>

#include "token_analyzer/analysis.hpp"
#include "token_analyzer/schema.hpp"

namespace lensbench {

/// Implementation of the tool: reads residuals, calls the maths of this folder, labels the results.
class TokenAnalyzerTool final : public TokenAnalyzer {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"top_k", ParameterType::integer, "10", "tokens", "Candidates listed at each step.",
       "[0, inf)"},
      {"max_new_tokens", ParameterType::integer, "0", "tokens",
       "Tokens to generate; 0 analyses the text as given.", "[0, inf)"},
      {"temperature", ParameterType::number, "0", "1",
       "Divides the logits before sampling; 0 is greedy.", "[0, inf)"},
      {"sample_top_k", ParameterType::integer, "0", "tokens",
       "Number of best tokens to sample from; 0: all.", "[0, inf)"},
      {"sample_top_p", ParameterType::number, "1", "1",
       "Sample from the smallest set with this cumulative probability; 1: all.", "(0, 1]"},
      {"temperatures", ParameterType::numbers, "0.5,0.7,1,1.5", "1",
       "Temperatures whose effect is shown at each step.", "[0, inf)"},
      {"nucleus", ParameterType::numbers, "0.5,0.9,0.95", "1",
       "Cumulative probabilities whose nucleus is measured at each step.", "(0, 1]"},
      {"entropy_jump_threshold", ParameterType::number, "3.5", "1",
       "Robust z-score above which an entropy is flagged as a jump."},
      {"entropy_jump_history", ParameterType::integer, "8", "tokens",
       "Entropies needed before the first jump can be flagged."},
      {"versus_model", ParameterType::model, "", "",
       "Checkpoint with the same vocabulary to compare with on the same text."},
  };
  static constexpr const auto& kResults = token_analysis::kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset analyze(const Tokens& tokens, const TokenAnalyzerOptions& options) override;
  Dataset compare(const Tokens& tokens, const Model& other, std::int64_t top_k) override;

 private:
  token_analysis::Analysis analysis_of(const Tokens& tokens, const TokenAnalyzerOptions& options);
  /// Residual [pos, d_model] after the last block, shared with the other tools of a case.
  at::Tensor shared_residual(const Tokens& tokens);
  /// Opens a model and checks that it can be compared.
  std::shared_ptr<const Model> opened(const std::string& path) const;
  /// The `versus_model`, opened once for all cases.
  const Model& versus(const std::string& path);

  std::string versus_path_;
  std::shared_ptr<const Model> versus_;
};

}  // namespace lensbench
