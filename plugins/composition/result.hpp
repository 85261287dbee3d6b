#pragma once

#include <lensbench/tools/composition.hpp>

#include "analysis.hpp"

namespace lensbench::composition {

/// Dataset of an analysis, without its receipts.
Dataset result_of(const AnalysisPlan& plan, const Analysis& found, const TransformerSpec& spec,
                  const CompositionOptions& options);

}  // namespace lensbench::composition
