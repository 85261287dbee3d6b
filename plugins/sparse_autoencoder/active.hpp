#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace lensbench::dictionaries {

/// The active features of rows, and nothing of the others, which are 0. Entries of a row are in the
/// order of the features.
struct ActiveFeatures {
  at::Tensor offsets;  ///< [row + 1] int64, the entries of row r are offsets[r] to offsets[r + 1]
  at::Tensor ids;      ///< [entry] int64
  at::Tensor values;   ///< [entry] float32, above 0

  std::int64_t rows() const { return offsets.size(0) - 1; }
};

/// An active feature of one row.
using ActiveEntry = std::pair<std::int64_t, float>;

/// Collects the active features of rows, on all threads.
/// \param collect  collect(row, entries) appends those of a row
ActiveFeatures collect_active(
    std::int64_t rows, const std::function<void(std::int64_t, std::vector<ActiveEntry>&)>& collect);

/// Entries of products plus biases that are above `least` [feature], which is at least 0.
void above(const float* products, const float* bias, const float* least, std::int64_t features,
           std::vector<ActiveEntry>& entries);

/// The `k` largest entries of products plus biases that are above 0, of equal ones those of the
/// first features.
/// \param factors  [feature] the sums are multiplied by them first; nullptr: 1
void largest(const float* products, const float* bias, const float* factors, std::int64_t features,
             std::int64_t k, std::vector<ActiveEntry>& entries);

/// Sums [row, width] of the rows of a matrix, each times the value of its entry.
/// \param matrix  [feature, width] float32
at::Tensor weighted_rows(const at::Tensor& matrix, const ActiveFeatures& active);

/// Entries of `active` sorted by feature: offsets [feature + 1], ids are rows, in order.
/// \param entry_of  receives the number of each entry in `active`, if given
ActiveFeatures by_feature(const ActiveFeatures& active, std::int64_t features,
                          at::Tensor* entry_of = nullptr);

}  // namespace lensbench::dictionaries
