#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

#include "variant.hpp"

namespace lensbench::surgery {

/// Bootstrap samples of the interval of the loss increase.
inline constexpr std::int64_t kSamples = 2000;
/// Philox stream of the bootstrap.
inline constexpr std::uint64_t kBootstrapStream = 0x5042;

/// What variants do to one window.
struct Scores {
  at::Tensor whole_cross_entropy;  ///< [token] float64, nats; NaN at the last token
  at::Tensor cross_entropy;        ///< [variant, token] float64, nats; NaN at the last token
  at::Tensor kl;                   ///< [variant, token] float64, nats: KL(model || variant)
  at::Tensor agrees;               ///< [variant, token] bool: equal first choices
  bool any_change = false;         ///< a variant's last stream differs from the model's in a bit
};

/// Runs the variants on a window, a few at a time.
Scores measure(const Model& model, const Window& window, const std::vector<Variant>& variants);

/// Sums over windows.
class Totals {
 public:
  explicit Totals(std::int64_t variants);
  void add(const Window& window, const Scores& scores);

  std::int64_t windows() const { return static_cast<std::int64_t>(scored_.size()); }
  std::int64_t scored() const;                     ///< tokens with one that follows
  bool any_change() const { return any_change_; }  ///< see `Scores`
  double whole_loss() const;                       ///< NaN without scored tokens
  at::Tensor loss() const;                         ///< [variant]; NaN without scored tokens
  at::Tensor mean_kl() const;                      ///< [variant]
  at::Tensor agreement() const;                    ///< [variant]
  at::Tensor block_influence() const;              ///< [block]
  /// [variant, bound]: percentiles 2.5 and 97.5 of the loss increase over samples of windows, drawn
  /// with replacement; NaN for fewer than two windows.
  at::Tensor increase_interval(std::int64_t samples, std::uint64_t seed) const;

 private:
  std::int64_t tokens_ = 0;
  std::vector<std::int64_t> scored_;       ///< scored tokens of each window
  std::vector<double> whole_;              ///< sum of each window, nats
  std::vector<at::Tensor> cross_entropy_;  ///< [variant], sum of each window
  at::Tensor kl_, agrees_, influence_;     ///< sums
  bool any_change_ = false;
};

}  // namespace lensbench::surgery
