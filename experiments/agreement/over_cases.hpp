#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>

namespace agreement {

/// The table of all cases, from what each of them saved as `methods`: means, tests and intervals of
/// the values and of the agreements, and the contradictions. There must be at least one case.
lensbench::Dataset table_of(const lensbench::Summary& summary);

}  // namespace agreement
