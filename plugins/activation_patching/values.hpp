#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <lensbench/reference_prompts.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "points.hpp"

namespace lensbench::patching {

/// Hook point without the block, and the block.
using Place = std::pair<std::string, std::int64_t>;

/// Values to write, by place: [position or 1, d_model] or [position or 1, head, d_head]. A pattern
/// is held as the z that it gives with the base run's values, so that nothing of size head x query
/// x key is kept, and the place is that of z.
using Values = std::map<Place, at::Tensor>;

/// Activations and last stream of a run.
struct RunValues {
  Values values;
  at::Tensor residual;  ///< [position, d_model]
};

/// Hook point at which a point is written: that of z for a pattern.
std::string written_hook(const GridPoint& point);
/// Place of the values of a point in `Values`.
Place place_of(const GridPoint& point, std::int64_t block);

/// Reads the points of one run. \param base  the run whose values patterns are combined with
RunValues read_run(const Model& model, const Tokens& source, const Tokens& base,
                   const std::vector<GridPoint>& points);

/// Last stream of a run, [position, d_model].
at::Tensor last_stream(const Model& model, const Tokens& tokens);

/// Zeros in place of every point.
Values zero_values(const Model& model, const std::vector<GridPoint>& points);
/// Means over the positions of one run. \throws UsageError for a pattern
Values mean_of_prompt_values(const Model& model, const Tokens& tokens,
                             const std::vector<GridPoint>& points);
/// Means over all positions of the reference prompts, each run once. The sums are kept with the
/// run: one that is resumed goes on with them. \throws UsageError for a pattern
Values mean_values(Context& context, const ReferencePrompts& reference,
                   const std::vector<GridPoint>& points);

}  // namespace lensbench::patching
