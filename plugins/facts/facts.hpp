#pragma once

#include <lensbench/tools/facts.hpp>
#include <optional>
#include <vector>

#include "plan.hpp"
#include "schema.hpp"

namespace lensbench::facts {

/// Implementation of the tool: typed interface and generic entry.
class FactsTool final : public Facts {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"facts", ParameterType::file, "", "",
       "JSONL with subject, relation and object in each line and, if needed, templates, "
       "candidates, neutral, inverse."},
      {"subject", ParameterType::text, "", "", "Subject of one fact, instead of facts."},
      {"object", ParameterType::text, "", "", "Object of one fact, with subject."},
      {"candidates", ParameterType::texts, "", "",
       "Answers that the object of one fact is compared with, the object among them."},
      {"neutral", ParameterType::texts, "", "",
       "Subjects that do not have the object of one fact, for its prior."},
      {"template", ParameterType::text, "{} is", "",
       "Prompt with {} in the place of the subject, where a relation has no templates."},
      {"join", ParameterType::choice, "blank", "",
       "Between prompt and object: a blank, unless one of them has white space there; or nothing.",
       "blank|none"},
      {"agreement", ParameterType::number, "0.5", "1",
       "Least share of the templates that must assert a fact.", "(0, 1]"},
      {"min_lift", ParameterType::number, "0", "nats",
       "Lift that a template must exceed to assert a fact."},
      {"trace", ParameterType::boolean, "true", "",
       "Look for the blocks that recall the object, as causal_tracing does."},
      {"corruption", ParameterType::choice, "neutral", "",
       "What the trace puts in the place of the subject: neutral subjects, or noise on it.",
       "neutral|noise"},
      {"samples", ParameterType::integer, "10", "1",
       "Most neutral subjects of the trace, or number of its noises.", "[1, 10000]"},
      {"noise", ParameterType::number, "3.0", "standard deviations",
       "Size of the trace's noise, in standard deviations of the embedding.", "[0, inf)"},
      {"window", ParameterType::integer, "1", "blocks",
       "Blocks around each block whose MLP outputs the trace restores together.", "[1, inf)"},
      {"relation_map", ParameterType::boolean, "false", "",
       "Fit a linear map from the subject's stream to the last one, for each relation."},
      {"map_layer", ParameterType::integer, "1", "1",
       "Depth of the subject's stream: 0 is the embeddings.", "[0, inf)"},
      {"map_beta", ParameterType::number, "1", "1", "Factor of the map's matrix."},
      {"map_training", ParameterType::integer, "8", "1",
       "Most subjects that a map is fitted to; at most half of those of the relation.", "[1, inf)"},
      {"map_most_width", ParameterType::integer, "1024", "1",
       "Largest d_model that maps are computed for, since their cost grows with it.", "[1, inf)"},
      {"most_rows", ParameterType::integer, "64", "1",
       "Most rows in one forward; bounds memory, not results.", "[1, inf)"},
  };

  static constexpr const auto& kResults = kFactsTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  bool reads_prompts() const override { return false; }
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset ask(const std::vector<Fact>& facts, const FactsOptions& options) override;
  std::vector<Fact> read(const std::string& file) const override;

 private:
  Dataset answer(const FactsPlan& plan, const FactsOptions& options);

  std::string key_of(const Parameters& parameters) const;

  std::string last_key_;
  std::optional<Dataset> last_;  ///< result of `last_key_`, the same for every prompt
};

}  // namespace lensbench::facts
