#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <memory>

namespace lensbench::interchange {

/// A view of a model whose blocks have learnt nothing: in each weight matrix of attention and MLP
/// the rows are in a random order, and so are the columns, each matrix in its own. Values, norms,
/// biases, embedding and unembedding stay. The matrices are copied.
std::shared_ptr<const Model> with_random_weights(const std::shared_ptr<const Model>& model,
                                                 std::uint64_t seed, std::uint64_t stream);

}  // namespace lensbench::interchange
