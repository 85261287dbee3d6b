#pragma once

#include <lensbench/tools/vision_lens.hpp>
#include <optional>
#include <string>
#include <vector>

#include "concepts.hpp"
#include "schema.hpp"

namespace lensbench::vision_lens {

/// Implementation of the tool: typed interface and generic entry.
class VisionLensTool final : public VisionLens {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"concepts", ParameterType::text, "", "",
       "Concepts, as in eye=Ġeye|Ġeyes,cat: commas separate concepts, bars the tokens of one (ids, "
       "vocabulary forms or texts; a text of several tokens stands for its first)."},
      {"top_k", ParameterType::integer, "5", "tokens",
       "Number of best tokens to list at each layer and token.", "[1, inf)"},
      {"layers", ParameterType::integers, "", "",
       "Layers to decode, 0 (before the first block) to the number of blocks (default: all).",
       "[0, inf)"},
      {"every", ParameterType::integer, "1", "tokens", "Decode every n-th token of each picture.",
       "[1, inf)"},
      {"within", ParameterType::integer, "5", "1",
       "Largest rank of a concept at the last position that counts for its onset.", "[1, inf)"},
      {"answers", ParameterType::text, "", "",
       "Texts, separated by bars, whose probability after the prompt is reported, as in yes|no."},
      {"controls", ParameterType::choices, "no_picture,other_picture,shuffled_patches", "",
       "Prompts whose answer is reported in addition to that of the prompt, if there are concepts: "
       "without the picture, with the next picture of the run, with the picture's squares in "
       "another order.",
       "no_picture|other_picture|shuffled_patches"},
      {"residual", ParameterType::boolean, "false", "",
       "Also store the residual stream at the tokens of pictures."},
      {"tower", ParameterType::boolean, "false", "",
       "Also read the tower lens: the merger on the tower's stream after some of its blocks, for "
       "which it was not trained, decoded as layer 0."},
      {"tower_layers", ParameterType::integers, "", "",
       "Layers of the tower to decode with tower=true, 0 (before its first block) to the number of "
       "its blocks (default: all).",
       "[0, inf)"},
  };
  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset analyze(const Tokens& tokens, const VisionLensOptions& options,
                  const std::vector<Picture>& pictures) override;
  Dataset answer(const Tokens& tokens, const VisionLensOptions& options) override;

 private:
  /// Adds the answers to the prompts that compare.
  void add_controls(Dataset& dataset, const Tokens& tokens, const VisionLensOptions& options) const;
  /// The prompt of a control; empty if there is none.
  std::optional<Tokens> control_prompt(const std::string& control, const Tokens& tokens) const;
};

}  // namespace lensbench::vision_lens
