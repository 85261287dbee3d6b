#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/streaming_statistics.hpp>
#include <vector>

#include "site.hpp"

namespace lensbench::dictionaries {

/// What a dictionary makes of the rows of a sequence.
struct Reconstruction {
  at::Tensor output;            ///< [token, d_out] float32, centred where the site is
  at::Tensor ids, activations;  ///< [token, rank], the largest first; -1 and 0: not active
  at::Tensor l0, l1;            ///< [token] float64
  at::Tensor active;            ///< [feature] int64, counted rows in which it is active
  at::Tensor from_features;     ///< [token, d_out] part of the output that the decoder's rows add
  at::Tensor given;             ///< [token, given] float32, activations of the features asked for
};

/// Encodes and decodes rows, a tile at a time.
/// \param counted  [token] bool, rows that `active` counts
/// \param k        features that are listed
/// \param given    features whose activations are taken
Reconstruction reconstruct(const Dictionary& dictionary, const SiteRows& rows,
                           const at::Tensor& counted, std::int64_t k,
                           const std::vector<std::int64_t>& given = {});

/// Sums over rows of how well they are rebuilt.
class Fidelity {
 public:
  Fidelity(std::int64_t width, std::int64_t features);
  /// Adds the counted rows of a sequence.
  void add(const SiteRows& rows, const Reconstruction& rebuilt, const at::Tensor& counted);

  std::int64_t rows() const { return moments_.count(); }
  at::Tensor mean() const { return moments_.mean(); }  ///< [d_out] of the rows themselves
  double mse() const;
  /// Squared errors over squared distances from the mean; NaN where rows do not differ.
  double fvu() const;
  double mean_l0() const;
  double mean_l1() const;
  at::Tensor density() const;  ///< [feature] float64, share of rows in which it is active

 private:
  statistics::StreamingMoments moments_;
  double errors_ = 0, l0_ = 0, l1_ = 0;
  at::Tensor active_;  ///< [feature] int64
};

}  // namespace lensbench::dictionaries
