#pragma once

#include <lensbench/metric.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <optional>
#include <string>

#include "load.hpp"
#include "schema.hpp"
#include "training.hpp"

namespace lensbench::dictionaries {

/// Implementation of the tool: typed interface and generic entry.
class SparseAutoencoderTool final : public SparseAutoencoder {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"mode", ParameterType::choice, "use", "",
       "use reads the prompt through a dictionary; train learns one from a text first.",
       "use|train"},
      {"sae", ParameterType::file, "", "",
       "Dictionary to use: a folder that SAELens 6 saved for inference, or "
       "ARCHIVE.h5:results/sparse_autoencoder of a training.",
       "cfg.json|sae_weights.safetensors"},
      {"hook", ParameterType::text, "", "",
       "Hook point that is read; without it that of the dictionary."},
      {"text", ParameterType::file, "", "",
       "Text that is trained on, or that numbers over rows are measured on, one document in each "
       "line or JSONL; generated:N samples N documents. Without it they are of the prompt."},
      {"window", ParameterType::integer, "128", "tokens", "Most tokens of a window of the text.",
       "[2, inf)"},
      {"windows", ParameterType::integer, "0", "1",
       "Most windows of the text to measure on; 0: all.", "[0, inf)"},
      {"top_features", ParameterType::integer, "10", "1", "Features that are listed at each token.",
       "[1, inf)"},
      {"top_tokens", ParameterType::integer, "5", "tokens",
       "Tokens that are listed for each of these features; 0: none.", "[0, inf)"},
      {"feature", ParameterType::integers, "", "",
       "Features to look at: where they are active and, with splice, what they change.",
       "[0, inf)"},
      {"examples", ParameterType::integer, "10", "tokens",
       "Tokens of the text at which each of them is most active.", "[0, 1000]"},
      {"center", ParameterType::choice, "auto", "",
       "Subtract the mean over d_model before, and add it after: true for a dictionary that was "
       "trained on such a stream; auto does what its settings say.",
       "auto|true|false"},
      {"exclude_special", ParameterType::boolean, "true", "",
       "Leave special tokens out of numbers over rows and of the training, and unchanged with "
       "splice."},
      {"splice", ParameterType::boolean, "false", "",
       "Also run the model on what the dictionary makes of the activation."},
      {"error_term", ParameterType::boolean, "true", "",
       "Take a feature out of the activation; false: out of its reconstruction."},
      {"attribute", ParameterType::boolean, "false", "",
       "Also split the metric into parts of the features."},
      {"latents", ParameterType::integer, "1024", "1", "Features of a new dictionary.",
       "[1, 1048576]"},
      {"k", ParameterType::integer, "16", "1", "Features of a new dictionary that are active.",
       "[1, inf)"},
      {"steps", ParameterType::integer, "1000", "1", "Steps of the optimiser.", "[1, inf)"},
      {"tokens_per_step", ParameterType::integer, "4096", "tokens",
       "A step reads windows until they have this many tokens.", "[1, inf)"},
      {"learning_rate", ParameterType::number, "0.0004", "1",
       "Size of a step, which falls to 0 in the last fifth of the steps.", "(0, 1e30]"},
      {"auxiliary", ParameterType::number, "0.03", "1",
       "Weight of the loss that revives features that are never active.", "[0, inf)"},
      {"held_out", ParameterType::number, "0.05", "1",
       "Share of the documents that the dictionary is not trained but measured on.", "(0, 1)"},
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kPosition,
  };
  static constexpr const auto& kResults = kResultTable;
  static constexpr const char* kGradedSettings[] = {
      "mode=train,hook=blocks.0.hook_resid_pre,latents=32,k=2,steps=800,tokens_per_step=64,"
      "learning_rate=0.003,top_tokens=0,versus=none"};

  void check_parameters(const Parameters& parameters) const override;
  CostEstimate estimate(const Request& request) const override;
  Dataset run(const Request& request) override;
  Dataset read(const Tokens& tokens, const std::string& sae, const Target& target,
               const SparseAutoencoderOptions& options) override;
  Dataset train(const Tokens& tokens, const SparseAutoencoderTraining& training,
                const Target& target, const SparseAutoencoderOptions& options) override;

 private:
  /// The dictionary of a source; kept for the next case.
  const StoredDictionary& dictionary(const std::string& sae);

  /// The dictionary of a training; kept for the next case.
  const Trained& trained(const Site& site, const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options);

  std::string source_;
  std::optional<StoredDictionary> stored_;
  std::string trained_on_;  ///< text and settings of `trained_`
  std::optional<Trained> trained_;
};

}  // namespace lensbench::dictionaries
