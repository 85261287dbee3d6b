#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <string>
#include <vector>

#include "decode.hpp"

namespace lensbench::lens {

/// Adds the variables of one kind of point; the names for other points than `resid_post` are
/// prefixed. \param axis  `layer` or `block`
void add_point(Dataset& dataset, const std::string& point, const std::string& axis,
               const Answer& answer);

/// Adds `settled_layer` and `leaves_top`, which show when each position reaches its final
/// prediction.
void add_settling(Dataset& dataset, const Answer& answer);
/// Says what the columns of the stream claim, for `lensbench grade`.
void add_claims(Dataset& dataset);

/// Adds `masked`, and an attribute with the positions that the target variables score.
void add_masked(Dataset& dataset, const at::Tensor& masked);

void add_attributes(Dataset& dataset, const Model& model, const Tokens& tokens,
                    const LogitLensOptions& options);

}  // namespace lensbench::lens
