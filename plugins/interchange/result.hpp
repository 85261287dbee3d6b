#pragma once

#include <lensbench/dataset.hpp>

#include "measure.hpp"
#include "plan.hpp"

namespace lensbench::interchange {

/// Variables, coordinates and attributes of a measurement, without receipts.
Dataset result_of(const InterchangePlan& plan, const Found& found);

}  // namespace lensbench::interchange
