#pragma once

#include <lensbench/tools/neuron_explorer.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples.hpp"
#include "explorer_schema.hpp"

namespace lensbench::neurons {

/// Implementation of the tool: typed interface and generic entry.
class NeuronExplorerTool final : public NeuronExplorer {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"neurons", ParameterType::texts, "", "",
       "Neurons as BLOCK:INDEX (default: those of largest kurtosis over the text)."},
      {"count", ParameterType::integer, "5", "1",
       "Number of neurons to choose where none are given.", "[1, 1000]"},
      {"text", ParameterType::file, "", "",
       "Text that is searched, one document in each line or JSONL with text or ids (default: the "
       "prompt)."},
      {"window", ParameterType::integer, "256", "tokens",
       "Most tokens of a window of the text, at most the positions of the model.", "[2, inf)"},
      {"windows", ParameterType::integer, "0", "1",
       "Most windows of the text, from documents in a random order; 0: all.", "[0, inf)"},
      {"exclude_first", ParameterType::boolean, "true", "",
       "Leave the first token of each document out."},
      {"examples", ParameterType::integer, "20", "1", "Top examples of each neuron.", "[1, 1000]"},
      {"context", ParameterType::integer, "12", "tokens",
       "Tokens to show on both sides of an example.", "[0, 1000]"},
      {"distinct", ParameterType::boolean, "true", "", "At most one top example of each document."},
      {"quantiles", ParameterType::integer, "5", "1",
       "Equal parts of the text's tokens, by activation, to show examples of.", "[1, 100]"},
      {"top_k", ParameterType::integer, "10", "1", "Tokens that a neuron writes and reads to list.",
       "[1, 1000]"},
      {"factors", ParameterType::numbers, "0,2", "1",
       "Factors on the activation whose effect on the metric is measured."},
      {"interpolate", ParameterType::texts, "", "",
       "Two neurons as BLOCK:INDEX: the first takes more and more of the second's activation."},
      {"optimise", ParameterType::choices, "", "",
       "Inputs of large activation to search for: embeddings and the tokens nearest to them, or "
       "tokens.",
       "embedding|tokens"},
      {"optimise_steps", ParameterType::integer, "200", "1", "Most steps of each search.",
       "[1, inf)"},
      {"length", ParameterType::integer, "8", "tokens", "Tokens of an optimised input.",
       "[1, inf)"},
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
  };

  static constexpr const auto& kResults = kExplorerResults;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset explore(const Tokens& tokens, const Target& target,
                  const NeuronExplorerOptions& options) override;

 private:
  /// Neurons and their examples in the text. They do not depend on the prompt if there is a text:
  /// the next case of a run asks for the same.
  struct Found {
    std::vector<NeuronId> neurons;
    TextExamples text;
  };
  const Found& find(const Tokens& tokens, const NeuronExplorerOptions& options);

  std::optional<NeuronExplorerOptions> found_options_;
  Found found_;
};

/// Neurons written as BLOCK:INDEX.
/// \throws UsageError for anything else, and for a neuron that the model does not have
std::vector<NeuronId> parse_neurons(const TransformerSpec& spec, const std::string& parameter,
                                    const std::vector<std::string>& texts);

}  // namespace lensbench::neurons
