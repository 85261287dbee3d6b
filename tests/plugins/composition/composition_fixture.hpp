#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "composition/analysis.hpp"
#include "composition/composition.hpp"
#include "support/bench.hpp"
#include "support/folders.hpp"
#include "support/results.hpp"
#include "support/tensors.hpp"

namespace lensbench::composition {

using testing::expect_receipts_hold;
using testing::value_at;

using CompositionBench = testing::ToolBench<CompositionTool>;

/// The tool on a committed checkpoint of tests/data.
inline CompositionBench bench_of(const std::string& folder, const ModelOptions& options = {}) {
  return {Model::open(testing::data_folder() + "/" + folder, options), {1, 2}};
}

}  // namespace lensbench::composition
