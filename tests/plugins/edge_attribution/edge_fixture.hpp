#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "edge_attribution/edge_attribution.hpp"
#include "support/bench.hpp"
#include "support/recorded_options.hpp"
#include "support/results.hpp"

namespace lensbench::edges {

using testing::expect_receipts_hold;
using testing::receipt_of;
using testing::value_at;

inline const std::vector<std::int64_t> kClean = {3, 17, 5, 5, 11, 2};
inline const std::vector<std::int64_t> kCorrupted = {3, 17, 8, 5, 11, 20};

/// The tool on a model, with its declared parameters.
struct EdgeBench : testing::ToolBench<EdgeAttributionTool> {
  EdgeBench(const std::shared_ptr<const Model>& given, const std::vector<std::int64_t>& ids)
      : ToolBench(given, ids) {
    tool.attach(context, testing::declared(EdgeAttributionTool::kParameters),
                "tool 'edge_attribution'");
  }
  Tokens tokens_of(const std::vector<std::int64_t>& ids) const {
    return tokens_from_ids(*model, ids);
  }
};

/// Index of an edge; `reader` is `L1H0.k`, `1_mlp_out.in`, `logits.in`.
inline std::int64_t edge_of(const Dataset& dataset, const std::string& source,
                            const std::string& reader) {
  const auto& sources = dataset["source"].strings;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == source &&
        dataset["target"].strings[i] + "." + dataset["slot"].strings[i] == reader)
      return static_cast<std::int64_t>(i);
  throw std::runtime_error("there is no edge " + source + " to " + reader);
}

inline double score_of(const Dataset& dataset, const std::string& source,
                       const std::string& reader) {
  return value_at(dataset, "edge_score", {edge_of(dataset, source, reader)});
}

}  // namespace lensbench::edges
