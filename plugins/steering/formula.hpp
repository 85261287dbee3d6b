#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/tools/steering.hpp>
#include <vector>

namespace lensbench::steering {

/// Changed stream, in the element type of `x`; computed in float32 (float64 for float64).
/// \param x          [..., d_model]
/// \param direction  [d_model], or more axes that broadcast
/// \param amount     the a of the formula; of `project` any number but 0
at::Tensor steered(SteeringMode mode, const at::Tensor& x, const at::Tensor& direction,
                   const at::Tensor& amount);
/// Overload for one amount.
at::Tensor steered(SteeringMode mode, const at::Tensor& x, const at::Tensor& direction,
                   double amount);

/// Tokens that are changed: positions, or a part of the sequence.
struct SteeredTokens {
  SteeredPart part = SteeredPart::all;
  std::vector<std::int64_t> positions = {};  ///< counted from the start of the prompt; or empty

  /// Positions of a prompt that are changed, ascending.
  std::vector<std::int64_t> of_prompt(std::int64_t length) const;
  /// Whether the token at this position is changed. \param prompt  number of tokens of the prompt
  bool contains(std::int64_t position, std::int64_t prompt) const;
  /// Site of an intervention.
  InterventionSite site(std::string hook) const;
};

/// One run: what is changed, and by how much.
struct SteeredRun {
  std::int64_t layer = 0;
  at::Tensor direction;  ///< [d_model]
  double amount = 0.0;   ///< the a of the formula
  bool unchanged = false;
};

/// Hooks that change row i of a batch as run i says. No hook for a run that is `unchanged`.
Hooks hooks_of(const TransformerSpec& spec, SteeringMode mode, const SteeredTokens& where,
               const std::vector<SteeredRun>& runs);

/// A run as interventions; empty for a run that is `unchanged`.
std::vector<Intervention> interventions_of(const TransformerSpec& spec, SteeringMode mode,
                                           const SteeredTokens& where, const SteeredRun& run);

/// The a of alpha 1, relative to the length of the stream.
double relative_step(SteeringMode mode, double stream_norm, const at::Tensor& direction);

}  // namespace lensbench::steering
