#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>

namespace lensbench::grading {

/// The model with the numbers of every weight matrix permuted within it. Norms, biases and the
/// table that holds the constant part of the stream stay: the positions, or the token embedding of
/// a model without a table of positions. What a tool still finds in it follows from the
/// architecture alone.
std::shared_ptr<const Model> shuffled_model(const std::shared_ptr<const Model>& model,
                                            std::uint64_t seed);

}  // namespace lensbench::grading
