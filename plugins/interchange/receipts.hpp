#pragma once

#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>

#include "measure.hpp"
#include "plan.hpp"

namespace lensbench::interchange {

/// Adds the receipts of a finished measurement. Runs are those of a few test pairs at the first and
/// the last place.
void add_receipts(Dataset& dataset, Context& context, const InterchangePlan& plan,
                  const Found& found);

}  // namespace lensbench::interchange
