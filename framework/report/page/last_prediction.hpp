#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/page/fill.hpp"

namespace lensbench::page {

/// The most probable tokens at the last layer and the last token of a case.
struct LastPrediction {
  std::string where;                                       ///< result and case
  std::string token;                                       ///< text of the last token
  std::string layer;                                       ///< label of the last layer
  std::vector<std::pair<std::string, double>> candidates;  ///< text and probability
};

/// Predictions of the first chosen case that has some, of every result with pairs of variables
/// `…top_id` and `…top_probability` [layer, token, rank]. \throws InputError for damaged content
std::vector<LastPrediction> last_predictions(const PageRun& run);

}  // namespace lensbench::page
