#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// Squares of one picture: a token has a row and a column.
struct PatchGrid {
  std::int64_t picture = 0;         ///< number of the picture in its case
  std::vector<std::int64_t> token;  ///< index on the axis of tokens, row by row; -1: no token
  std::size_t rows = 0, columns = 0;
};

/// Tokens of pictures that belong to one case, with the grid of each picture.
struct PatchCase {
  CaseRange range;
  std::vector<PatchGrid> grids;
};

/// Pictures of the axis `image_token`, by case; empty if the dataset does not have the row and the
/// column of each token.
std::vector<PatchCase> patch_cases(const Dataset& dataset);

/// A grid with a colour for each square.
struct PatchPanel {
  std::string title;
  const PatchGrid* grid = nullptr;
  std::vector<double> shares;  ///< 0 to 1 for each square, row by row; NaN: nothing is drawn
};

/// Draws panels next to each other, as many as the width allows, else in further rows. With colour,
/// a character is two squares, one above the other; without, each square is one or more shades.
/// Squares of a grid that is too wide are joined, and the largest share represents them.
Lines patch_panels(const std::vector<PatchPanel>& panels, const TerminalStyle& style);

}  // namespace lensbench::terminal
