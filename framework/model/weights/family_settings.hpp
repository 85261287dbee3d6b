#pragma once

#include <optional>

namespace lensbench {

/// Factors on rotated queries and keys, by the length of the sequence.
struct LengthFactors {
  double up_to = 1.0;   ///< at most RopeSpec::original_max_positions tokens
  double beyond = 1.0;  ///< more tokens
};

/// Settings of few families that only their weights and the forward need. What tools need is in
/// TransformerSpec, which is a part of the interface of plug-ins.
struct FamilySettings {
  /// Experts are chosen and weighted by SparseMixer (arXiv:2409.12136) with this jitter
  /// (Phi-3.5-MoE).
  std::optional<double> mixer_jitter = std::nullopt;
  /// In place of the factor that the rotary scaling has (Phi-3.5-MoE).
  std::optional<LengthFactors> rotary_factors = std::nullopt;
  /// The share of an expert multiplies what it reads, not what it makes (Llama 4).
  bool shares_scale_inputs = false;
  /// Queries grow (TransformerSpec::query_growth) in blocks without rotation alone, and the first
  /// position counts as 1 (Llama 4).
  bool growth_without_rotation = false;
  bool unembedding_bias = false;  ///< the unembedding has a bias, which is a weight (Phi-3.5-MoE)
};

}  // namespace lensbench
