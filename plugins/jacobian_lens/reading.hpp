#pragma once

#include <lensbench/context.hpp>
#include <lensbench/tools/jacobian_lens.hpp>

#include "fit.hpp"

namespace lensbench::jacobian {

/// A prompt read through a lens, with the variables, checks and attributes of a reading.
/// \throws UsageError for an empty prompt or top_k outside 1..vocabulary
Dataset read_prompt(Context& context, const Tokens& tokens, const Jacobians& jacobians,
                    const JacobianLensOptions& options);

}  // namespace lensbench::jacobian
