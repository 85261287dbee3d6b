#include "detectors.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>

namespace lensbench::attention {
namespace {

constexpr Detector kDetectors[] = {Detector::previous_token, Detector::duplicate_token,
                                   Detector::induction, Detector::current_token,
                                   Detector::first_token};

Detector parse_detector(const std::string& name) {
  std::string known;
  for (const Detector detector : kDetectors) {
    if (name == to_string(detector)) return detector;
    known += (known.empty() ? "" : ", ") + std::string(to_string(detector));
  }
  throw UsageError("attention: detector '" + name + "' is unknown; known are " + known);
}

/// Whether a key is one that the detector looks for, by positions and ids alone: the mask is the
/// pattern of an ideal head.
bool allows(Detector detector, const std::vector<std::int64_t>& ids, std::size_t query,
            std::size_t key) {
  switch (detector) {
    case Detector::previous_token:
      return key + 1 == query;
    case Detector::duplicate_token:
      return key < query && ids[key] == ids[query];
    // The token before the key is the one that the query repeats.
    case Detector::induction:
      return key > 0 && key - 1 < query && ids[key - 1] == ids[query];
    case Detector::current_token:
      return key == query;
    case Detector::first_token:
      return key == 0;
  }
  return false;
}

/// Sums over the whole pattern without the excluded keys, the same for all detectors.
struct Total {
  double weight = 0.0, size = 0.0;
};

Total total_of(const double* pattern, std::int64_t n, const Exclusion& exclusion) {
  Total total;
  for (std::int64_t query = 0; query < n; ++query)
    for (std::int64_t key = 0; key < n; ++key) {
      if (exclusion.holds(query, key)) continue;
      const double weight = pattern[query * n + key];
      total.weight += weight;
      total.size += std::abs(weight);
    }
  return total;
}

/// The sum over the whole pattern is known, so only the keys of the mask are visited: on those, |A|
/// is replaced by |A - 1|.
DetectorValues detect_one(const double* pattern, const Mask& mask, const Total& total) {
  const auto n = static_cast<std::int64_t>(mask.size());
  double on_mask = 0.0, difference = total.size;
  for (std::int64_t query = 0; query < n; ++query)
    for (const std::int64_t key : mask[static_cast<std::size_t>(query)]) {
      const double weight = pattern[query * n + key];
      on_mask += weight;
      difference += std::abs(weight - 1.0) - std::abs(weight);
    }
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  const std::int64_t eligible = eligible_queries(mask);
  return {.score = eligible > 0 ? on_mask / static_cast<double>(eligible) : undefined,
          .share = total.weight != 0.0 ? on_mask / total.weight : undefined,
          .match = 1.0 - difference / static_cast<double>(n)};
}

}  // namespace

const char* to_string(Detector detector) {
  switch (detector) {
    case Detector::previous_token:
      return "previous_token";
    case Detector::duplicate_token:
      return "duplicate_token";
    case Detector::induction:
      return "induction";
    case Detector::current_token:
      return "current_token";
    case Detector::first_token:
      return "first_token";
  }
  return "";
}

std::vector<Detector> parse_detectors(const std::vector<std::string>& names) {
  std::vector<Detector> detectors;
  for (const std::string& name : names) {
    const Detector detector = parse_detector(name);
    if (std::find(detectors.begin(), detectors.end(), detector) != detectors.end())
      throw UsageError("attention: detector '" + name + "' is named twice; name it once");
    detectors.push_back(detector);
  }
  return detectors;
}

/// Quadratic in the prompt, like the pattern itself.
Mask detector_mask(Detector detector, const std::vector<std::int64_t>& ids,
                   const Exclusion& exclusion) {
  Mask mask(ids.size());
  for (std::size_t query = 0; query < ids.size(); ++query)
    // No detector looks ahead of the query.
    for (std::size_t key = 0; key <= query; ++key)
      if (allows(detector, ids, query, key) &&
          !exclusion.holds(static_cast<std::int64_t>(query), static_cast<std::int64_t>(key)))
        mask[query].push_back(static_cast<std::int64_t>(key));
  return mask;
}

std::int64_t eligible_queries(const Mask& mask) {
  return std::count_if(mask.begin(), mask.end(), [](const auto& keys) { return !keys.empty(); });
}

std::vector<DetectorValues> detect(const double* pattern, const std::vector<Mask>& masks,
                                   const Exclusion& exclusion) {
  std::vector<DetectorValues> values;
  if (masks.empty()) return values;
  const Total total = total_of(pattern, static_cast<std::int64_t>(masks.front().size()), exclusion);
  for (const Mask& mask : masks) values.push_back(detect_one(pattern, mask, total));
  return values;
}

}  // namespace lensbench::attention
