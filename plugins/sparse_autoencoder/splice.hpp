#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "reconstruction.hpp"

namespace lensbench::dictionaries {

/// What `Splice` replaces the activation by.
struct SpliceSettings {
  at::Tensor mean;  ///< [d_out] mean of the rows, without what a centred site subtracts
  std::vector<std::int64_t> features;  ///< features that are taken out one at a time
  bool keeps_error = true;  ///< they are taken out of the activation, not of its reconstruction
};

/// Sums over the positions of sequences, of the model with an activation replaced: by the output of
/// the dictionary, by 0, by its mean, without a feature, and unchanged.
class Splice {
 public:
  Splice(const Model& model, const Site& site, const Dictionary& dictionary,
         SpliceSettings settings);
  /// \param rebuilt  with the activations of `features`
  /// \param skipped  [token] bool, rows that stay as they are and are not counted
  void add(const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
           const at::Tensor& skipped);

  /// Runs: these, then one without each feature, and the model's own.
  static constexpr std::size_t kSae = 0, kZero = 1, kMean = 2, kFeatures = 3;
  std::size_t model() const { return kl_.size() - 1; }
  std::size_t features() const { return settings_.features.size(); }
  double kl(std::size_t run) const;             ///< mean KL from the model's distribution, nats
  double cross_entropy(std::size_t run) const;  ///< mean over positions with a next token, nats
  bool zero_changes() const { return zero_changes_; }  ///< replacing by 0 changed the last stream

 private:
  std::vector<at::Tensor> replacements(const SiteRows& rows, const Reconstruction& rebuilt) const;

  const Model& model_;
  const Site& site_;
  const Dictionary& dictionary_;
  SpliceSettings settings_;
  std::vector<double> kl_, cross_entropy_;
  std::int64_t rows_ = 0, scored_ = 0;
  bool zero_changes_ = false;
};

/// Largest change of the last stream, relative to its largest number, when a row is replaced by the
/// output of the dictionary plus its error.
double change_by_output_and_error(const Model& model, const Site& site, const Tokens& tokens,
                                  const SiteRows& rows, const Reconstruction& rebuilt);

}  // namespace lensbench::dictionaries
