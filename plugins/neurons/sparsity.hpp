#pragma once

#include <lensbench/tools/sparsity.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sparsity_schema.hpp"
#include "text_activity.hpp"

namespace lensbench::neurons {

/// Implementation of the tool: typed interface and generic entry.
class SparsityTool final : public Sparsity {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"text", ParameterType::file, "", "",
       "Text that neurons are measured on, one document in each line or JSONL with text or ids "
       "(default: the prompt)."},
      {"point", ParameterType::text, "mlp.hook_post", "",
       "Hook point of the neurons, named without the block."},
      {"threshold", ParameterType::number, "1", "1",
       "Size from which on a neuron is active, in units of its root mean square.", "(0, inf)"},
      {"dead_below", ParameterType::number, "0.1", "1",
       "Size that a dead neuron never reaches, in units of the root mean square of its block.",
       "(0, inf)"},
      {"bins", ParameterType::integer, "64", "1", "Most bins of the histogram of activations.",
       "[2, 4096]"},
      {"window", ParameterType::integer, "256", "tokens",
       "Most tokens of a window of the text, at most the positions of the model.", "[2, inf)"},
      {"windows", ParameterType::integer, "0", "1",
       "Most windows of the text, from documents in a random order; 0: all.", "[0, inf)"},
      {"exclude_first", ParameterType::boolean, "true", "",
       "Leave the first token of each document out."},
  };

  static constexpr const auto& kResults = kSparsityResults;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset measure(const Tokens& tokens, const SparsityOptions& options) override;

 private:
  /// Activity over the text. It does not depend on the prompt if there is a text: the next case of
  /// a run asks for the same.
  const MeasuredText& text(const Tokens& tokens, const NeuronLayout& layout,
                           const SparsityOptions& options);

  std::optional<SparsityOptions> measured_options_;
  std::optional<MeasuredText> measured_;
};

}  // namespace lensbench::neurons
