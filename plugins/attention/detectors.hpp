#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lensbench::attention {

/// Known kind of head, by the keys that it attends to.
enum class Detector {
  previous_token,   ///< j = i - 1
  duplicate_token,  ///< earlier positions with the same token
  induction,        ///< positions after an earlier one with the same token
  current_token,    ///< j = i
  first_token,      ///< j = 0
};

const char* to_string(Detector detector);
/// \throws UsageError for an unknown or a repeated name
std::vector<Detector> parse_detectors(const std::vector<std::string>& names);

/// Keys that detectors do not count, in patterns and in masks.
struct Exclusion {
  bool first = false;    ///< key 0
  bool current = false;  ///< the query's own position
  bool holds(std::int64_t query, std::int64_t key) const {
    return (first && key == 0) || (current && key == query);
  }
};

/// Keys that a detector allows for each query, ascending; excluded ones are left out.
using Mask = std::vector<std::vector<std::int64_t>>;

Mask detector_mask(Detector detector, const std::vector<std::int64_t>& ids,
                   const Exclusion& exclusion);

/// Number of queries that have an allowed key.
std::int64_t eligible_queries(const Mask& mask);

/// Similarity of a head to a detector; NaN where it is not defined.
struct DetectorValues {
  double score = 0.0;  ///< mean over the eligible queries of the weight on allowed keys
  double share = 0.0;  ///< weight on allowed keys over all weight (`mul` in TransformerLens)
  double match = 0.0;  ///< 1 - sum |A - M| / n (`abs` in TransformerLens)
};

/// \param pattern  [n, n] row by row, n the number of rows of the masks; not changed
std::vector<DetectorValues> detect(const double* pattern, const std::vector<Mask>& masks,
                                   const Exclusion& exclusion);

}  // namespace lensbench::attention
