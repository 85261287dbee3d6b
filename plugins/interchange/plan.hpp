#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/interchange.hpp>
#include <string>
#include <vector>

namespace lensbench::interchange {

/// First of the streams of random numbers, and those of a place: `kPlaceStreams` for each.
inline constexpr std::uint64_t kFirstStream = std::uint64_t{1} << 45;
inline constexpr std::uint64_t kSplitStream = kFirstStream, kLabelStream = kFirstStream + 1,
                               kWeightStream = kFirstStream + 3, kPlaceStream = kFirstStream + 16;
inline constexpr std::uint64_t kPlaceStreams = 4;

/// A hook point and a position of both prompts.
struct Place {
  std::int64_t number = 0;  ///< among all places
  std::size_t point = 0;    ///< number among the points of the plan
  HookPoint hook;
  std::int64_t position = 0;  ///< as given: negative ones count from the end

  /// Stream of random numbers of this place. \param kind  0 to kPlaceStreams - 1
  std::uint64_t stream(std::uint64_t kind) const {
    return kPlaceStream + kPlaceStreams * static_cast<std::uint64_t>(number) + kind;
  }
};

/// Pairs, and where each is in a file.
struct PlacedPairs {
  std::vector<InterchangePair> pairs;
  std::vector<std::string> where = {};  ///< [pair] file and number of the line; empty: not a file
};

/// Pairs of prompts with their parts, and the answers that are expected of them.
struct InterchangePlan {
  InterchangeOptions options;
  std::vector<InterchangePair> pairs;
  std::vector<std::string> where;       ///< [pair] file and line, for messages; empty: not a file
  std::vector<std::int64_t> part;       ///< [pair] 0: training, 1: test, -1: left out
  std::vector<std::int64_t> train;      ///< numbers of the training pairs
  std::vector<std::int64_t> test;       ///< numbers of the test pairs
  std::vector<std::int64_t> values;     ///< [pair] number of the variable's value in the source
  std::vector<std::int64_t> expected;   ///< [pair] token
  std::vector<std::int64_t> arbitrary;  ///< [pair] token of the control; -1: not asked for
  std::vector<HookPoint> points;        ///< one for each block
  std::vector<at::Tensor> directions;   ///< [point] [row, width] of the basis `probe`; or empty
  std::int64_t width = 0;               ///< numbers at each position of a point
  std::uint64_t seed = 0;

  std::int64_t n_pairs() const { return std::ssize(pairs); }
  std::int64_t n_places() const { return std::ssize(points) * std::ssize(options.position); }
  Place place(std::int64_t number) const;
};

/// Checks pairs and options, splits the pairs, and draws the labels and sources of the controls.
/// \throws UsageError under the conditions of `Interchange::exchange`
InterchangePlan make_plan(const Model& model, const PlacedPairs& placed,
                          const InterchangeOptions& options, std::uint64_t seed);

}  // namespace lensbench::interchange
