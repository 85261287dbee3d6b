#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/tuned_lens.hpp>
#include <vector>

#include "translators.hpp"

namespace lensbench::tuned {

/// A lens and the logit lens on text, each number [layer] float64 nats with the last layer, which
/// is the model itself.
struct Evaluation {
  at::Tensor kl;             ///< mean KL(model's own || lens)
  at::Tensor kl_logit_lens;  ///< divergence of the logit lens
  at::Tensor cross_entropy;  ///< mean -ln probability of the token that follows
  at::Tensor marginal_kl;    ///< KL of the mean distributions
  std::int64_t rows = 0;     ///< positions of the means
  std::int64_t scored = 0;   ///< positions with a token that follows
};

/// Measures a lens on sequences.
Evaluation evaluate(Context& context, const Translators& translators,
                    const std::vector<Tokens>& sequences);

/// Windows of the part of the text held out, of at most 16 times the tokens of a step.
std::vector<Tokens> held_out_windows(Context& context, const TunedLensTraining& training);

}  // namespace lensbench::tuned
