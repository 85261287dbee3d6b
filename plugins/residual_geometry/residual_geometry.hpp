#pragma once

#include <lensbench/tools/residual_geometry.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema.hpp"
#include "texts.hpp"

namespace lensbench::geometry {

/// Implementation of the tool: typed interface and generic entry.
class ResidualGeometryTool final : public ResidualGeometry {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"points", ParameterType::choices, "resid_post", "",
       "Streams whose spread over tokens is measured.", "resid_post|attn_out|mlp_out"},
      {"text", ParameterType::file, "", "",
       "Text that the spread is measured on, one document in each line or JSONL with text or ids "
       "(default: the prompt)."},
      {"window", ParameterType::integer, "256", "tokens",
       "Most tokens of a window of the text, at most the positions of the model.", "[2, inf)"},
      {"windows", ParameterType::integer, "64", "1",
       "Most windows of the text, from documents in a random order; 0: all.", "[0, inf)"},
      {"exclude_first", ParameterType::boolean, "true", "",
       "Leave the first token of each document out of the spread."},
      {"components", ParameterType::boolean, "true", "",
       "Parts of the last stream, and what each head writes."},
      {"principal", ParameterType::integer, "10", "1",
       "Principal directions whose explained variance is listed.", "[1, inf)"},
      {"store_directions", ParameterType::boolean, "false", "",
       "Also store the principal directions."},
      {"outliers", ParameterType::integer, "3", "1",
       "Dimensions with the largest share of the squared length to list.", "[1, inf)"},
      {"rank_of", ParameterType::choice, "eigenvalues", "",
       "Spectrum of the effective rank: eigenvalues of the covariance, or their roots.",
       "eigenvalues|singular_values"},
      {"matrices", ParameterType::choices, "", "",
       "Matrices whose rows share the stream: output rows of neurons, token embedding, "
       "unembedding.",
       "neurons|embed|unembed"},
      {"matrix_file", ParameterType::file, "", "",
       "Another matrix [row, d_model]: safetensors file with one tensor, or "
       "ARCHIVE.h5:results/NAME/VARIABLE."},
  };

  static constexpr const auto& kResults = kResultTable;

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  Dataset run(const Request& request) override;
  Dataset measure(const Tokens& tokens, const ResidualGeometryOptions& options) override;

 private:
  /// The spread, which does not depend on the prompt if there is a text: the next case of a run
  /// asks for the same.
  const SpreadOfText& spread(const Tokens& tokens, const ResidualGeometryOptions& options);

  std::optional<ResidualGeometryOptions> spread_options_;
  SpreadOfText spread_;
};

}  // namespace lensbench::geometry
