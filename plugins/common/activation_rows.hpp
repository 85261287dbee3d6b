#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench::tracing {

/// Points that globs select, in forward order; `!` excludes.
/// \param tool  name for messages, here and below
/// \throws UsageError for globs that select nothing, and for points without the axis `pos`
std::vector<HookPoint> row_points(const std::string& tool, const TransformerSpec& spec,
                                  const std::vector<std::string>& globs);

/// Numbers that each point has at a position. \throws UsageError if they differ
std::int64_t common_width(const std::string& tool, const Model& model,
                          const std::vector<HookPoint>& points);

/// Activations at one position of each sequence.
/// \param names      hook points
/// \param sequences  one for each row
/// \param positions  [row], counted from the start; -1: the mean over all positions
/// \param stop       called before each batch; throws to stop
/// \return for each name [row, width] float32
/// \throws RunError for an activation that is not finite
std::vector<at::Tensor> read_rows(const std::string& tool, const Model& model,
                                  const std::vector<std::string>& names,
                                  const std::vector<Tokens>& sequences,
                                  const std::vector<std::int64_t>& positions,
                                  const std::function<void()>& stop);

}  // namespace lensbench::tracing
