#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace lensbench::composition {

/// Rows [count, d_model] float64 of tokens `first` to `first + count - 1`.
using TokenRows = std::function<at::Tensor(std::int64_t first, std::int64_t count)>;

/// Tokens at both ends of directions.
struct EndTokens {
  at::Tensor id;  ///< [direction, sign, rank] int32; sign 0: along the direction, 1: against it
  at::Tensor
      value;  ///< [direction, sign, rank] float64: product with the direction, or with minus it
};

/// The tokens whose rows have the largest products with each direction and with minus it, largest
/// first, equal ones by id. The vocabulary is read in tiles.
/// \param directions  [direction, d_model] float64
EndTokens tokens_at_ends(const at::Tensor& directions, const TokenRows& rows, std::int64_t n_tokens,
                         std::int64_t top_k);

}  // namespace lensbench::composition
