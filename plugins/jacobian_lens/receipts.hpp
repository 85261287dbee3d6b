#pragma once

#include <lensbench/context.hpp>
#include <vector>

#include "fit.hpp"

namespace lensbench::jacobian {

/// Largest difference between the Jacobian of the last block of a prompt and the identity.
double identity_difference(const Model& model, const Tokens& tokens, std::int64_t skip_first,
                           std::int64_t seed_batch);

/// Largest relative difference over eight random directions between the Jacobians of a prompt times
/// the direction, and the change of the last stream when all counted positions of a block's output
/// move along it; for each direction the smallest one of three steps.
/// \param matrices  as `jacobians_of` gives them for `blocks`
double direction_difference(const Model& model, const Tokens& tokens,
                            const std::vector<std::int64_t>& blocks,
                            const std::vector<at::Tensor>& matrices, std::int64_t skip_first,
                            std::uint64_t seed);

Receipt identity_receipt(double difference);
/// \param half  whether the weights are in half precision
Receipt direction_receipt(double difference, bool half);

}  // namespace lensbench::jacobian
