#pragma once

#include <lensbench/tools/layer_surgery.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema.hpp"

namespace lensbench::surgery {

/// Implementation of the tool: typed interface and generic entry.
class LayerSurgeryTool final : public LayerSurgery {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"operation", ParameterType::choice, "delete", "",
       "What is changed: a block left out, exchanged with the next, run twice, a range of blocks "
       "in "
       "reverse, blocks in a given order, a block of another model, two heads merged, or neurons "
       "or "
       "heads set to zero.",
       "delete|swap|repeat|reverse|permute|donor|merge_heads|prune"},
      {"blocks", ParameterType::texts, "all", "",
       "Blocks that are changed, from 0, one variant for each: all, or numbers and ranges such as "
       "0,2-4.",
       "+"},
      {"order", ParameterType::texts, "", "",
       "Blocks that permute runs, of any number: 0,2,1,3; with a d before those of the donor."},
      {"donor", ParameterType::model, "", "",
       "Model of the same width that blocks are taken from, for donor and permute."},
      {"heads", ParameterType::texts, "", "",
       "Pairs of heads that merge_heads merges, as block:head: 1:0,1:3."},
      {"share", ParameterType::number, "0.5", "1",
       "Part of the first head in the mixture; the second has the rest.", "[0, 1]"},
      {"parts", ParameterType::choice, "neurons", "", "What prune sets to zero.", "neurons|heads"},
      {"by", ParameterType::choices, "frequency", "",
       "Orders of prune, the smallest first: how often a neuron is active, the norm of its "
       "weights, "
       "the mean length of what it adds to the stream, or at random.",
       "+frequency|weight_norm|contribution|random"},
      {"fractions", ParameterType::numbers, "0.1,0.25,0.5,0.75", "1",
       "Shares of the parts that prune sets to zero.", "+(0, 1]"},
      {"draws", ParameterType::integer, "3", "1",
       "Random orders that prune compares with; 0 for none.", "[0, 1000]"},
      {"text", ParameterType::file, "", "",
       "Text that the loss is measured on, one document in each line or JSONL with text or ids "
       "(default: the prompt)."},
      {"window", ParameterType::integer, "256", "tokens",
       "Most tokens of a window of the text, at most the positions of the model.", "[2, inf)"},
      {"windows", ParameterType::integer, "64", "1",
       "Most windows of the text, from documents in a random order; 0: all.", "[0, inf)"},
  };

  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset operate(const Tokens& tokens, SurgeryOperation operation,
                  const LayerSurgeryOptions& options) override;

 private:
  Dataset computed(const Tokens& tokens, SurgeryOperation operation,
                   const LayerSurgeryOptions& options);

  /// The last answer about a text, which does not depend on the prompt: the next case of a run asks
  /// the same.
  struct Answer {
    SurgeryOperation operation;
    LayerSurgeryOptions options;
    Dataset dataset;
  };
  std::optional<Answer> answer_;
};

}  // namespace lensbench::surgery
