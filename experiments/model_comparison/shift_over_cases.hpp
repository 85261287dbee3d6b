#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <vector>

namespace model_comparison {

/// Statistics over texts of the component shift: `moved`, `stream_moved` and `stream_cosine` as
/// means over the tokens of a text, `change_explained` and `logit_change` at its last token. Each
/// with mean, standard error, quantiles and interval; `change_explained` also with a test against
/// 0. Attributes `most_moved` and `explains_most`: the component with the largest mean, for the
/// latter by absolute value. \param cases  results of `component_shift`, at least one
lensbench::Dataset shift_over_cases(const std::vector<lensbench::Dataset>& cases,
                                    std::uint64_t seed);

}  // namespace model_comparison
