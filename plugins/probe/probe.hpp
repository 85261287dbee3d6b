#pragma once

#include <lensbench/tools/probe.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema.hpp"

namespace lensbench::probing {

/// Implementation of the tool: typed interface and generic entry.
class ProbeTool final : public Probe {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"examples", ParameterType::file, nullptr, "",
       "JSONL with text or ids and label in each line and, where needed, group, position, pair."},
      {"hooks", ParameterType::hooks, "blocks.*.hook_resid_post", "",
       "Hook points whose activations are probed, one at a time, all of one width.", "+"},
      {"position", ParameterType::text, "last", "",
       "Token that is read: last, first, mean (over all), marker (position of each line), or an "
       "index, negative ones from the end."},
      {"kind", ParameterType::choice, "logistic", "",
       "logistic or ridge regression, the difference of the means, the same by the covariance "
       "within labels, or a logistic regression on few coordinates.",
       "logistic|ridge|mean_difference|mass_mean|sparse"},
      {"folds", ParameterType::integer, "5", "1",
       "Parts, each of which is held out once; a group is in one of them.", "[2, inf)"},
      {"lambdas", ParameterType::numbers, "0.01,0.1,1,10,100", "1",
       "Penalties of logistic, ridge and sparse, of which an inner split of the training rows "
       "chooses one.",
       "+(0, inf)"},
      {"sparse_k", ParameterType::integer, "16", "1", "Coordinates of kind=sparse.", "[1, inf)"},
      {"controls", ParameterType::choices, "shuffled,random_type,majority,input", "",
       "What the accuracy is compared with: shuffled labels, a random label for each token, the "
       "most frequent label, the token embedding.",
       "shuffled|random_type|majority|input"},
      {"standardize", ParameterType::boolean, "true", "",
       "Scale each coordinate by mean and deviation of the training rows; the kinds of means do "
       "not use it."},
      {"neurons", ParameterType::boolean, "false", "",
       "Also measure how well every neuron alone tells two labels apart."},
  };
  static constexpr const auto& kResults = kResultTable;
  // These names are the streams in families with a norm after each block (BERT), too.
  static constexpr const char* kGradedSettings[] = {
      "hooks=blocks.0.hook_in,blocks.?.hook_out,position=marker,kind=ridge,folds=4,"
      "lambdas=1,controls=random_type"};

  bool reads_prompts() const override { return false; }
  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset fit(const std::vector<ProbeExample>& examples, const ProbeOptions& options) override;
  std::vector<ProbeExample> read(const std::string& file) const override;

 private:
  std::string last_key_;         ///< request of `last_`
  std::optional<Dataset> last_;  ///< answer of the last request, which other prompts share
};

}  // namespace lensbench::probing
