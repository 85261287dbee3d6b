#pragma once

#include <lensbench/tools/logit_lens.hpp>

#include "schema.hpp"

namespace lensbench::lens {

/// Implementation of the tool: typed interface and generic entry.
class LogitLensTool final : public LogitLens {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"top_k", ParameterType::integer, "10", "tokens",
       "Number of best tokens to list at each layer and position.", "[1, inf)"},
      {"target", ParameterType::token, "next", "",
       "Token whose rank and probability are reported; next is the token that follows, model the "
       "model's own prediction. In a masked-language model only masked positions are scored, and "
       "next means model.",
       "next|model"},
      {"points", ParameterType::choices, "resid_post", "", "Points to decode.",
       "resid_post|resid_pre|resid_mid|attn_out|mlp_out"},
      {"norm", ParameterType::boolean, "true", "",
       "Apply the model's final norm (in a masked-language model the whole prediction head) before "
       "the unembedding."},
      {"mask", ParameterType::token, "", "",
       "Mask token of a masked-language model (default: that of the tokenizer)."},
  };
  static constexpr const auto& kResults = kResultTable;

  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  Dataset analyze(const Tokens& tokens, const LogitLensOptions& options) override;
  Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                   LensPath path) override;
  Dataset layer_logits(const Tokens& tokens, const Target& target, std::int64_t position) override;
};

}  // namespace lensbench::lens
