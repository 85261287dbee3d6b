#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <string>
#include <vector>

#include "decode.hpp"

namespace lensbench::lens {

/// The variables of one kind of point; names of other points than `resid_post` start with theirs.
/// \param axis  `layer` or `block`
void add_point(Dataset& dataset, const std::string& point, const std::string& axis,
               const Answer& answer);

/// `settled_layer` and `leaves_top`: how each position's prediction becomes the final one.
void add_settling(Dataset& dataset, const Answer& answer);

/// `masked`, and an attribute that says which positions the target columns score.
void add_masked(Dataset& dataset, const at::Tensor& masked);

void add_attributes(Dataset& dataset, const Model& model, const Tokens& tokens,
                    const LogitLensOptions& options);

}  // namespace lensbench::lens
