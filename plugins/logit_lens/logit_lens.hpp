#pragma once

#include <lensbench/tools/logit_lens.hpp>

namespace lensbench::lens {

/// Implementation of the tool: typed interface and generic entry.
class LogitLensTool final : public LogitLens {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"top_k", ParameterType::integer, "10", "tokens",
       "Number of best tokens to list at each layer and position."},
      {"target", ParameterType::text, "next", "",
       "Token whose rank and probability are reported: next, model, a token id, or the text of one "
       "token. In a masked-language model only masked positions are scored, and next means model."},
      {"points", ParameterType::list, "resid_post", "",
       "Points to decode: resid_post, resid_pre, resid_mid, attn_out, mlp_out."},
      {"norm", ParameterType::boolean, "true", "",
       "Apply the model's final norm (in a masked-language model the whole prediction head) before "
       "the unembedding."},
      {"mask", ParameterType::text, "", "",
       "Mask token of a masked-language model, an id or a text (default: that of the tokenizer)."},
  };

  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  Dataset run(const Tokens& tokens, const Parameters& parameters) override;
  Dataset analyze(const Tokens& tokens, const LogitLensOptions& options) override;
  Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                   LensPath path) override;
  Dataset layer_logits(const Tokens& tokens, const Target& target, std::int64_t position) override;
};

}  // namespace lensbench::lens
