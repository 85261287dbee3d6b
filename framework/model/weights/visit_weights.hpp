#pragma once

#include <functional>

#include "model/weights/weights.hpp"

namespace lensbench {

using VisitWeight = std::function<void(at::Tensor&)>;

/// Calls `visit` for every tensor of a block that is defined and has elements.
void visit_block(BlockWeights& block, const VisitWeight& visit);

/// Calls `visit` for every tensor of a vision tower and its merger.
void visit_tower(TowerWeights& tower, const VisitWeight& visit);

/// Calls `visit` for the embedding, the final norm, the unembedding and every other tensor that is
/// neither in a block nor in the tower.
void visit_outside_blocks(ModelWeights& weights, const VisitWeight& visit);

/// Calls `visit` for every tensor of a model.
void visit_weights(ModelWeights& weights, const VisitWeight& visit);

}  // namespace lensbench
