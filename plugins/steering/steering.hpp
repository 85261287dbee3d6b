#pragma once

#include <lensbench/tools/steering.hpp>
#include <string>
#include <vector>

#include "prompt.hpp"
#include "schema.hpp"

namespace lensbench::steering {

/// Implementation of the tool: typed interface and generic entry.
class SteeringTool final : public Steering {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"direction", ParameterType::file, "", "",
       "Direction: the tensor named direction, or the only one, of a safetensors file, of "
       "ARCHIVE.h5:results/NAME or of ARCHIVE.h5:results/NAME/VARIABLE."},
      {"direction_row", ParameterType::integer, "", "1",
       "Row of a matrix of directions (default: the rows of the layers, if the file names them).",
       "[0, inf)"},
      {"plus", ParameterType::text, "", "",
       "Prompt that has the property; the direction is its stream minus that of minus."},
      {"minus", ParameterType::text, "", "", "Prompt that lacks the property."},
      {"pairs", ParameterType::file, "", "",
       "JSONL with plus and minus (or plus_ids and minus_ids) in each line; the direction is the "
       "mean difference."},
      {"align", ParameterType::integer, "-1", "tokens",
       "Position at which the streams of plus and minus are read; negative ones count from the end "
       "of each."},
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      {"layers", ParameterType::texts, "middle", "",
       "Depths whose stream is steered, one at a time, from 0 (the embeddings) to the number of "
       "blocks: middle, all, or numbers and ranges such as 0,2-4.",
       "+"},
      {"mode", ParameterType::choice, "add", "",
       "add a multiple of the direction, project it out, or clamp the component along it to alpha.",
       "add|project|clamp"},
      {"alphas", ParameterType::numbers, "", "",
       "Strengths, of which one is 0 (default: -1,-0.5,-0.2,-0.1,0,0.1,0.2,0.5,1; with scale=raw "
       "-8,-4,-2,-1,0,1,2,4,8; of mode=project always 0,1)."},
      {"scale", ParameterType::choice, "relative", "",
       "relative: alpha 1 is as long as the median of the stream over the prompt without its first "
       "token; raw: alpha is the factor of the direction as it is.",
       "relative|raw"},
      {"where", ParameterType::choice, "all", "",
       "Tokens that are steered: all, those of the prompt, generated ones, or the last one of the "
       "prompt.",
       "all|prompt|generated|last"},
      {"positions", ParameterType::integers, "", "tokens",
       "Positions of the prompt that are steered instead of where; negative ones count from its "
       "end."},
      {"max_new_tokens", ParameterType::integer, "0", "tokens",
       "Tokens that are generated in each cell of the grid; 0: none.", "[0, inf)"},
      {"temperature", ParameterType::number, "0", "",
       "Temperature of the generation; 0: the most probable token.", "[0, inf)"},
      {"target_tokens", ParameterType::tokens, "", "",
       "Tokens that are counted in generated text (default: the target)."},
      {"neutral", ParameterType::file, "generated:4", "",
       "Text that the cost is measured on: one document in each line, or JSONL with text or ids; "
       "generated:N lets the model write N windows."},
      {"window", ParameterType::integer, "64", "tokens",
       "Most tokens of a window of the neutral text, at most the positions of the model.",
       "[2, inf)"},
      {"windows", ParameterType::integer, "16", "1",
       "Most windows of the neutral text, from documents in a random order; 0: all.", "[0, inf)"},
      {"controls", ParameterType::integer, "5", "1",
       "Random directions, orthogonal to the direction and as long, that are steered along too.",
       "[1, 1000]"},
  };

  static constexpr const auto& kResults = kSteeringTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset steer(const Tokens& tokens, const at::Tensor& directions, const Target& target,
                const SteeringOptions& options) override;
  at::Tensor difference(const std::vector<SteeringPair>& pairs,
                        const std::vector<std::int64_t>& layers, std::int64_t align) override;
  std::vector<Intervention> interventions(const Dataset& result, std::int64_t layer,
                                          double alpha) const override;

 private:
  /// The directions that a request asks for, and the prompts they come from.
  struct Source {
    std::string key;
    at::Tensor directions;
    std::vector<SteeringPair> pairs;
  };
  const Source& source_of(const Parameters& parameters, const std::vector<std::int64_t>& layers);
  const std::vector<Tokens>& neutral(const SteeringOptions& options);
  std::vector<SteeredLayer> layers_of(const SteeringPlan& plan, const at::Tensor& directions,
                                      const SteeringOptions& options) const;

  Source source_;            ///< source of the last request
  std::string neutral_key_;  ///< key of `neutral_`
  std::vector<Tokens> neutral_;
};

}  // namespace lensbench::steering
