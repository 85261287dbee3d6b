#pragma once

#include <lensbench/tools/composition.hpp>
#include <map>
#include <optional>
#include <string>

#include "schema.hpp"

namespace lensbench::composition {

/// Implementation of the tool: typed interface and generic entry.
class CompositionTool final : public Composition {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"modes", ParameterType::choices, "q,k,v", "",
       "Inputs through which a head may read another one.", "q|k|v"},
      {"fold_norm", ParameterType::boolean, "true", "",
       "Multiply weights that read the stream by the gain and the centring of the norm before "
       "them."},
      {"offset", ParameterType::integer, "0", "tokens",
       "Distance from key to query for which a rotary model's QK is taken.", "[0, inf)"},
      {"directions", ParameterType::integer, "3", "1",
       "Number of singular directions of OV and QK to list for each head; 0 for none.", "[0, inf)"},
      {"top_k", ParameterType::integer, "10", "tokens",
       "Number of tokens to list at each end of a direction.", "[1, inf)"},
      {"direction", ParameterType::token, "", "",
       "Token: which heads read its embedding, and write its unembedding."},
      {"direction_file", ParameterType::file, "", "",
       "Direction that is read and written: tensor direction, or the only one, of a safetensors "
       "file or of ARCHIVE.h5:results/NAME."},
      {"baseline_draws", ParameterType::integer, "100", "1",
       "Number of random pairs of heads for the baseline.", "[2, 10000]"},
  };
  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  bool reads_prompts() const override { return false; }
  Dataset run(const Request& request) override;
  Dataset analyze(const CompositionOptions& options) override;

 private:
  CompositionOptions options_of(const Parameters& parameters) const;

  Settings last_settings_;
  std::optional<Dataset> last_;  ///< result of `last_settings_`, the same for every prompt
};

}  // namespace lensbench::composition
