#pragma once

#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>

namespace lensbench {

/// Checks what does not depend on the hook's axes. \throws UsageError for an empty range, or a
/// range and positions
void check_range(const InterventionSite& site);

/// Checks everything about a site that does not depend on a sequence, so that an error appears
/// before the first forward. \throws UsageError
void check_site(const TransformerSpec& spec, const Intervention& intervention,
                const HookPoint& point);

}  // namespace lensbench
