#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <vector>

#include "model/hooks/sequence_place.hpp"

namespace lensbench {

/// Parts of the pictures of a batch, as hooks of the tower get them.
struct TowerPlaces {
  using Place = std::shared_ptr<const SequencePlace>;
  Place given;     ///< patches as they are given
  Place computed;  ///< patches in the order of the blocks
  Place tokens;    ///< tokens in the order of the text model
};

/// \param pictures  of each row of the batch
TowerPlaces tower_places(const VisionSpec& spec,
                         const std::vector<std::vector<PictureRows>>& pictures);

/// Places of the segments of a block, whose patches attend to each other.
/// \param starts  patch at which each segment begins, and the number of patches
std::vector<TowerPlaces::Place> segment_places(const SequencePlace& computed,
                                               const std::vector<std::int64_t>& starts);

}  // namespace lensbench
