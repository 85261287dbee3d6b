#include "decode.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace lensbench::composition {
namespace {

/// Tokens of the vocabulary that are read at a time.
constexpr std::int64_t kTokensPerRead = 4096;
/// Products that are held at a time: 256 MiB.
constexpr std::int64_t kMostProducts = std::int64_t{1} << 25;

/// \param sign  1, or -1 for the smallest products
void list_largest(const double* products, std::int64_t n, double sign, std::int64_t top_k,
                  std::int32_t* id, double* value) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + top_k, order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const double first = sign * products[a], second = sign * products[b];
                      return first != second ? first > second : a < b;
                    });
  for (std::int64_t rank = 0; rank < top_k; ++rank) {
    id[rank] = order[static_cast<std::size_t>(rank)];
    value[rank] = sign * products[id[rank]];
  }
}

/// Tokens at the ends of so many directions that all their products fit into memory.
void list_ends(const at::Tensor& directions, const TokenRows& rows, std::int64_t n_tokens,
               const at::Tensor& ids, const at::Tensor& values) {
  const std::int64_t n = directions.size(0), top_k = ids.size(2);
  at::Tensor products = at::empty({n, n_tokens}, at::kDouble);
  for (std::int64_t first = 0; first < n_tokens; first += kTokensPerRead) {
    const std::int64_t count = std::min(kTokensPerRead, n_tokens - first);
    products.narrow(1, first, count).copy_(at::matmul(directions, rows(first, count).t()));
  }
  const double* data = products.data_ptr<double>();
  auto* id = ids.data_ptr<std::int32_t>();
  auto* value = values.data_ptr<double>();
  // Each direction and sign is independent.
  at::parallel_for(0, 2 * n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      list_largest(data + i / 2 * n_tokens, n_tokens, i % 2 == 0 ? 1.0 : -1.0, top_k,
                   id + i * top_k, value + i * top_k);
  });
}

}  // namespace

EndTokens tokens_at_ends(const at::Tensor& directions, const TokenRows& rows, std::int64_t n_tokens,
                         std::int64_t top_k) {
  const std::int64_t n = directions.size(0);
  // kMostProducts limits how many directions are decoded at once.
  const std::int64_t most = std::max<std::int64_t>(1, kMostProducts / n_tokens);
  const EndTokens ends{at::empty({n, 2, top_k}, at::kInt), at::empty({n, 2, top_k}, at::kDouble)};
  for (std::int64_t first = 0; first < n; first += most) {
    const std::int64_t count = std::min(most, n - first);
    list_ends(directions.narrow(0, first, count), rows, n_tokens, ends.id.narrow(0, first, count),
              ends.value.narrow(0, first, count));
  }
  return ends;
}

}  // namespace lensbench::composition
