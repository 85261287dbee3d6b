#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "reconstruction.hpp"

namespace lensbench::dictionaries {

/// Sums over the positions of sequences, of the model with an activation replaced: by the output of
/// the dictionary, by 0, by its mean, and unchanged.
class Splice {
 public:
  /// \param mean  [d_out] mean of the rows, without what a centred site subtracts
  Splice(const Model& model, const Site& site, at::Tensor mean);
  /// \param skipped  [token] bool, rows that stay as they are and are not counted
  void add(const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
           const at::Tensor& skipped);

  static constexpr std::size_t kSae = 0, kZero = 1, kMean = 2, kModel = 3;
  double kl(std::size_t run) const;             ///< mean KL from the model's distribution, nats
  double cross_entropy(std::size_t run) const;  ///< mean over positions with a next token, nats
  bool zero_changes() const { return zero_changes_; }  ///< replacing by 0 changed the last stream

 private:
  const Model& model_;
  const Site& site_;
  at::Tensor mean_;
  std::array<double, 4> kl_{}, cross_entropy_{};
  std::int64_t rows_ = 0, scored_ = 0;
  bool zero_changes_ = false;
};

/// Largest change of the last stream, relative to its largest number, when a row is replaced by the
/// output of the dictionary plus its error.
double change_by_output_and_error(const Model& model, const Site& site, const Tokens& tokens,
                                  const SiteRows& rows, const Reconstruction& rebuilt);

}  // namespace lensbench::dictionaries
