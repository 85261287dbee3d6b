#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "bench/access/case_access.hpp"
#include "bench/access/context_access.hpp"

namespace lensbench::testing {

/// Context without a run.
inline Context context_of(std::shared_ptr<const Model> model, std::uint64_t seed = 0,
                          bool share = true) {
  return ContextAccess::make(std::move(model), seed, share);
}

/// The first case of a run; the arguments must outlive it.
inline Case case_of(const CaseInput& input, Context& context, const Parameters& parameters) {
  return CaseAccess::make(0, input, context, parameters);
}

}  // namespace lensbench::testing
