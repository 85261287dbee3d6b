#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/tokens.hpp>
#include <mutex>
#include <vector>

namespace lensbench {

/// What the vision tower of one model made of pictures, so that the tower runs once for all
/// forwards of a prompt. Pictures are the same if their rows are the same tensor. May be used from
/// several threads.
class TowerTokens {
 public:
  /// \param most_bytes  most bytes of tokens that are kept
  explicit TowerTokens(std::int64_t most_bytes = std::int64_t{1} << 28) : most_bytes_(most_bytes) {}

  /// Tokens of these pictures in this order: those of an earlier call, or what `run` returns.
  at::Tensor of(const std::vector<PictureRows>& pictures, const std::function<at::Tensor()>& run);

 private:
  /// Rows are not kept alive: a tensor that is gone cannot be asked about again.
  using Rows = c10::weak_intrusive_ptr<c10::TensorImpl>;
  struct Source {
    Rows rows;
    std::int64_t frames, height, width;
    bool is(const PictureRows& picture) const;
  };
  struct Known {
    std::vector<Source> pictures;
    at::Tensor tokens;
  };
  at::Tensor find(const std::vector<PictureRows>& pictures);
  void keep(const std::vector<PictureRows>& pictures, const at::Tensor& tokens);

  std::int64_t most_bytes_;
  std::mutex mutex_;
  std::vector<Known> known_;  ///< the latest one last
};

}  // namespace lensbench
