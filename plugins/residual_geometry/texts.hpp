#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/context.hpp>
#include <lensbench/tools/residual_geometry.hpp>
#include <string>
#include <vector>

#include "spread.hpp"

namespace lensbench::geometry {

/// A piece of text whose tokens are rows of the spread.
struct Piece {
  Tokens tokens;
  std::int64_t document = 0;
  bool starts_document = true;
};

/// Vectors whose spread is measured: a hook point for each layer or block.
struct Point {
  std::string name;                ///< `resid_post`
  std::string axis;                ///< `layer` or `block`
  std::vector<std::string> hooks;  ///< in order
};

/// Spread of all points over a text.
struct SpreadOfText {
  std::vector<Point> points;
  std::vector<std::vector<Spread>> spreads;  ///< spreads of each point
  std::int64_t windows = 0;
  std::string pairs;  ///< which pairs the anisotropy is of
};

/// The point of a name. \throws UsageError for a point that the family lacks
Point point_of(const TransformerSpec& spec, const std::string& name);

/// The pieces of the text, or the prompt.
/// \throws InputError for a text that cannot be read
std::vector<Piece> pieces_of(const Context& context, const Tokens& tokens,
                             const ResidualGeometryOptions& options);

/// Spread of each hook point of a point over the pieces: two passes for the covariances, and the
/// cosines of raw and of centred vectors. Covariances of at most 1 GiB are held at a time.
std::vector<Spread> spreads_of(Context& context, const std::vector<Piece>& pieces,
                               const Point& point, const ResidualGeometryOptions& options);

/// Pairs of tokens that the anisotropy is of: an attribute of the result.
std::string pairs_text(const std::vector<Piece>& pieces);

}  // namespace lensbench::geometry
