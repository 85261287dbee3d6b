#pragma once

#include <lensbench/tools/logit_lens.hpp>

#include "decode.hpp"
#include "schema.hpp"

namespace lensbench::lens {

/// A prompt of a batch, with what the lens reads of it.
struct Prompt {
  Tokens tokens;
  Target target;
  at::Tensor masked = {};              ///< see `masked_positions`
  std::vector<Residuals> points = {};  ///< in the order of the options
  at::Tensor last = {};                ///< see `final_residual`
};

/// \throws UsageError for an empty prompt
void check_tokens(const Tokens& tokens);
Dataset with_token_axis(const Tokens& tokens);

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
       "+resid_post|resid_pre|resid_mid|attn_out|mlp_out"},
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
  bool takes_batches() const override;
  std::vector<Dataset> run_batch(std::span<const Request> requests) override;
  Dataset analyze(const Tokens& tokens, const LogitLensOptions& options) override;
  Dataset at_layer(const Tokens& tokens, std::int64_t layer, const Target& target,
                   LensPath path) override;
  Dataset layer_logits(const Tokens& tokens, const Target& target, std::int64_t position) override;

 private:
  LogitLensOptions options_of(const Request& request) const;
  void read(Prompt& prompt, const LogitLensOptions& options);
  std::vector<Dataset> analyze_all(std::vector<Prompt> prompts, const LogitLensOptions& options);
  void add_answers(std::vector<Dataset>& datasets, std::vector<Prompt>& prompts, std::size_t point,
                   const LogitLensOptions& options) const;
};

}  // namespace lensbench::lens
