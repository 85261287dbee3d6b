#pragma once

#include <lensbench/tools/interchange.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plan.hpp"
#include "schema.hpp"

namespace lensbench::interchange {

/// Implementation of the tool: typed interface and generic entry.
class InterchangeTool final : public Interchange {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"pairs", ParameterType::file, nullptr, "",
       "JSONL with base, source and expected in each line (base_ids, source_ids for token ids) "
       "and, "
       "where needed, value and part."},
      {"basis", ParameterType::choices, "mean_difference", "",
       "Where the subspace comes from: the means of the values, a probe, chosen neurons, the "
       "principal directions of the source, a training (das), or chance.",
       "+mean_difference|probe|neurons|principal|das|random"},
      {"rank", ParameterType::integer, "1", "1", "Dimensions of each subspace.", "[1, inf)"},
      {"hook", ParameterType::hooks, "blocks.*.hook_resid_post", "",
       "Hook points whose activations are exchanged, one at a time, one for each block.", "+"},
      {"layers", ParameterType::integers, "", "",
       "Blocks, counted from 0; without it all that hook has.", "[0, inf)"},
      {"position", ParameterType::integers, "-1", "tokens",
       "Positions of the exchange in base and source, one at a time; negative ones count from the "
       "end of each.",
       "+"},
      {"probe", ParameterType::file, "", "",
       "Directions for basis=probe: ARCHIVE.h5:results/probe, or safetensors with a tensor "
       "direction."},
      {"neurons", ParameterType::integers, "", "",
       "Coordinates of the activation for basis=neurons, as many as rank.", "[0, inf)"},
      {"strength", ParameterType::number, "1", "1", "Factor of the change."},
      {"steps", ParameterType::integer, "200", "1", "Steps of each training of das.", "[1, inf)"},
      {"learning_rate", ParameterType::number, "0.005", "1",
       "Rate of Adam in a training of das, which falls linearly to 0.", "(0, inf)"},
      {"controls", ParameterType::choices, "placebo,random_basis,arbitrary_labels,random_weights",
       "",
       "What the accuracy is compared with: a change as large in a random subspace, an exchange of "
       "that subspace, labels that mean nothing, weights in a random order.",
       "+placebo|random_basis|arbitrary_labels|random_weights"},
  };
  static constexpr const auto& kResults = kInterchangeTable;

  bool reads_prompts() const override { return false; }
  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset exchange(const std::vector<InterchangePair>& pairs,
                   const InterchangeOptions& options) override;
  std::vector<InterchangePair> read(const std::string& file) const override;

 private:
  /// \throws InputError for a file that cannot be read; UsageError as `exchange`
  InterchangePlan plan_of(const Parameters& parameters) const;
  Dataset measured(const InterchangePlan& plan);

  std::string last_key_;         ///< request of `last_`
  std::optional<Dataset> last_;  ///< answer of the last request, which other prompts share
};

}  // namespace lensbench::interchange
