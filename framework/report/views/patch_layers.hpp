#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "report/views/patch_map.hpp"

namespace lensbench::terminal {

/// Values of a quantity over the tokens of all pictures, by layer.
struct PatchLayers {
  std::vector<std::string> titles;
  std::vector<std::vector<double>> values;  ///< [layer][image_token]
};

/// Layers worth a picture: the first, the one with the largest value of a case, and the last.
std::vector<std::size_t> layers_with_largest(const PatchLayers& layers, const CaseRange& range);

/// Ends of the scale of colours.
struct ShareScale {
  double least = INFINITY, most = -INFINITY;
  double share(double value) const;
};

/// Range of the finite values of the chosen layers; `scale` is widened.
ShareScale scale_of(const PatchLayers& layers, const std::vector<std::size_t>& chosen,
                    const CaseRange& range, ShareScale scale = {});

/// A panel for each chosen layer and picture of a case.
std::vector<PatchPanel> panels_of(const PatchLayers& layers, const std::vector<std::size_t>& chosen,
                                  const PatchCase& one, const ShareScale& scale);

/// Adds what the colours mean.
void say_scale(Lines& lines, const ShareScale& scale, const TerminalStyle& style);

}  // namespace lensbench::terminal
