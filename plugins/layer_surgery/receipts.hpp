#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <vector>

#include "measure.hpp"
#include "variant.hpp"

namespace lensbench::surgery {

/// Adds what must hold for an operation, on the first window of the text.
void add_receipts(Dataset& dataset, const SharedModel& model, const Window& window,
                  SurgeryOperation operation, const LayerSurgeryOptions& options,
                  const std::vector<Variant>& variants);

}  // namespace lensbench::surgery
