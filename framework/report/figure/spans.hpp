#pragma once

#include "report/figure/slice.hpp"

namespace lensbench::figure {

/// Cuts a slice to the layers and tokens of a request.
/// \throws UsageError if the slice does not have them
void apply_spans(Slice& slice, const Request& request);

}  // namespace lensbench::figure
