#pragma once

#include <lensbench/tools/jacobian_lens.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lens_file.hpp"
#include "schema.hpp"

namespace lensbench::jacobian {

/// Implementation of the tool: typed interface and generic entry.
class JacobianLensTool final : public JacobianLens {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"mode", ParameterType::choice, "use", "",
       "use reads the prompt through a lens; fit makes one from a text first.", "use|fit"},
      {"lens", ParameterType::file, "", "",
       "Lens to use: ARCHIVE.h5:results/jacobian_lens of a fit, or a safetensors file with a "
       "matrix "
       "J.l for the output of each block l."},
      {"top_k", ParameterType::integer, "10", "tokens",
       "Number of best tokens to list at each layer and position.", "[1, inf)"},
      {"target", ParameterType::token, "next", "",
       "Token whose rank and probability are reported; next is the token that follows, model the "
       "model's own prediction.",
       "next|model"},
      {"text", ParameterType::file, "", "",
       "Text to fit to, one document in each line or JSONL with text or ids; generated:N samples N "
       "documents from the model."},
      {"n_prompts", ParameterType::integer, "100", "1", "Most windows of the text.", "[1, inf)"},
      {"length", ParameterType::integer, "128", "tokens",
       "Most tokens of a window, at most the positions of the model.", "[2, inf)"},
      {"skip_first", ParameterType::integer, "16", "tokens",
       "First positions of a window that are left out.", "[0, inf)"},
      {"layers", ParameterType::integers, "", "",
       "Layers to fit, from 1 to the number of blocks - 1 (default: all).", "[1, inf)"},
      {"seed_batch", ParameterType::integer, "8", "1",
       "Rows of the Jacobian from one backward pass.", "[1, inf)"},
  };
  static constexpr const auto& kResults = kResultTable;

  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset read(const Tokens& tokens, const std::string& lens,
               const JacobianLensOptions& options) override;
  Dataset fit(const Tokens& tokens, const JacobianLensFit& fit,
              const JacobianLensOptions& options) override;

 private:
  std::string source_;
  std::optional<StoredLens> lens_;  ///< lens of `source_`, kept for the next case
};

}  // namespace lensbench::jacobian
