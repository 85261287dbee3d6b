#pragma once

#include <lensbench/metric.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <memory>
#include <string>
#include <vector>

#include "load.hpp"
#include "schema.hpp"

namespace lensbench::dictionaries {

/// Implementation of the tool: typed interface and generic entry.
class SparseAutoencoderTool final : public SparseAutoencoder {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"sae", ParameterType::file, nullptr, "",
       "Folder of a dictionary that SAELens 6 saved for inference.",
       "cfg.json|sae_weights.safetensors"},
      {"hook", ParameterType::text, "", "",
       "Hook point that is read; without it that of the dictionary."},
      {"text", ParameterType::file, "", "",
       "Text that numbers over rows are measured on, one document in each line or JSONL; "
       "generated:N samples N documents. Without it they are of the prompt."},
      {"window", ParameterType::integer, "128", "tokens", "Most tokens of a window of the text.",
       "[2, inf)"},
      {"windows", ParameterType::integer, "0", "1", "Most windows of the text; 0: all.",
       "[0, inf)"},
      {"top_features", ParameterType::integer, "10", "1", "Features that are listed at each token.",
       "[1, inf)"},
      {"top_tokens", ParameterType::integer, "5", "tokens",
       "Tokens that are listed for each of these features; 0: none.", "[0, inf)"},
      {"center", ParameterType::choice, "auto", "",
       "Subtract the mean over d_model before, and add it after: true for a dictionary that was "
       "trained on such a stream; auto does what its settings say.",
       "auto|true|false"},
      {"exclude_special", ParameterType::boolean, "true", "",
       "Leave special tokens out of numbers over rows, and unchanged with splice."},
      {"splice", ParameterType::boolean, "false", "",
       "Also run the model on what the dictionary makes of the activation."},
      {"attribute", ParameterType::boolean, "false", "",
       "Also split the metric into parts of the features."},
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kPosition,
  };
  static constexpr const auto& kResults = kResultTable;

  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset read(const Tokens& tokens, const std::string& folder, const Target& target,
               const SparseAutoencoderOptions& options) override;
};

}  // namespace lensbench::dictionaries
