#pragma once

#include <lensbench/tools/tuned_lens.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lens_file.hpp"
#include "schema.hpp"

namespace lensbench::tuned {

/// Implementation of the tool: typed interface and generic entry.
class TunedLensTool final : public TunedLens {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"mode", ParameterType::choice, "use", "",
       "use reads the prompt through a lens; train learns one from a text first.", "use|train"},
      {"lens", ParameterType::file, "", "",
       "Lens to use: ARCHIVE.h5:results/tuned_lens of a training, or a folder of the Python "
       "library "
       "whose parameters were converted to safetensors.",
       "config.json|params.safetensors"},
      {"top_k", ParameterType::integer, "10", "tokens",
       "Number of best tokens to list at each layer and position.", "[1, inf)"},
      {"target", ParameterType::token, "next", "",
       "Token whose rank and probability are reported; next is the token that follows, model the "
       "model's own prediction.",
       "next|model"},
      {"compare", ParameterType::boolean, "true", "",
       "Also read the prompt through the logit lens; its variables begin with logit_lens_."},
      {"text", ParameterType::file, "", "",
       "Text to train on, one document in each line or JSONL with text or ids; generated:N samples "
       "N documents from the model."},
      {"window", ParameterType::integer, "256", "tokens",
       "Most tokens of a window of the text, at most the positions of the model.", "[2, inf)"},
      {"steps", ParameterType::integer, "250", "1", "Steps of the optimiser.", "[1, inf)"},
      {"tokens_per_step", ParameterType::integer, "4096", "tokens",
       "A step reads windows until they have this many tokens.", "[1, inf)"},
      {"rows_per_window", ParameterType::integer, "0", "1",
       "Most positions of a window that are trained on, drawn at random; 0: all.", "[0, inf)"},
      {"learning_rate", ParameterType::number, "1", "1",
       "Factor on the step size, which falls linearly to 0.", "(0, inf)"},
      {"momentum", ParameterType::number, "0.9", "1", "Share of the last step that is kept.",
       "[0, 1)"},
      {"weight_decay", ParameterType::number, "0.001", "1",
       "Pull of the translators toward the logit lens.", "[0, inf)"},
      {"clip", ParameterType::number, "1", "1", "Longest gradient of a step; 0: any length.",
       "[0, inf)"},
      {"clip_over", ParameterType::choice, "layer", "",
       "Gradients that are shortened together: those of each layer, or of all as the Python "
       "library "
       "does.",
       "layer|all"},
      {"held_out", ParameterType::number, "0.05", "1",
       "Share of the documents that the lens is not trained but measured on.", "(0, 1)"},
      {"bias_only", ParameterType::boolean, "false", "", "Train the biases alone."},
  };
  static constexpr const auto& kResults = kResultTable;

  std::vector<std::string> usual_hooks(const TransformerSpec& spec) const override;
  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset read(const Tokens& tokens, const std::string& lens,
               const TunedLensOptions& options) override;
  Dataset train(const Tokens& tokens, const TunedLensTraining& training,
                const TunedLensOptions& options) override;

 private:
  /// The lens of a source, which was compared with the logit lens; kept for the next case.
  const StoredLens& lens(const Tokens& tokens, const std::string& source);

  std::string source_;
  std::optional<StoredLens> lens_;
};

}  // namespace lensbench::tuned
