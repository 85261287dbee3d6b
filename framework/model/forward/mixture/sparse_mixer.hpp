#pragma once

#include <ATen/core/Tensor.h>

namespace lensbench {

/// Two experts of each row, by SparseMixer (arXiv:2409.12136) as it is outside of training.
struct MixerRouting {
  /// [row, expert] float32. Of the first expert its share; of each other one its share if it were
  /// the second: those that the jitter cannot bring level with the best have 0.
  at::Tensor shares;
  at::Tensor experts;  ///< [row, 2] int64: the highest score, and the highest of the others
};

/// The share of an expert is its softmax among the experts that are near it: whose scores are
/// smaller by at most 2 `jitter`, in parts of the larger of its score and their absolute score. The
/// share of the second expert leaves out the first.
/// \param scores [row, expert] of the router, at least two experts; every step is rounded to their
/// type, since an expert at the limit is near or not by it
MixerRouting sparse_mixer(const at::Tensor& scores, double jitter);

}  // namespace lensbench
