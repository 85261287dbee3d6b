#pragma once

#include <lensbench/model.hpp>
#include <string_view>

#include "model/weights/weights.hpp"

namespace lensbench {

/// A weight by its TransformerLens name; see Model::weight.
at::Tensor named_weight(const TransformerSpec& spec, const ModelWeights& weights,
                        std::string_view name);

}  // namespace lensbench
