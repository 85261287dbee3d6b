#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace agreement {

/// Methods that give each component a number, in the order of the axis `method`.
inline constexpr std::array<const char*, 6> kMethods = {"lens",     "direct",   "ablation",
                                                        "patching", "gradient", "integrated"};
inline constexpr std::int64_t kLens = 0, kDirect = 1, kAblation = 2, kPatching = 3, kGradient = 4,
                              kIntegrated = 5;
inline constexpr auto kMethodCount = static_cast<std::int64_t>(kMethods.size());

/// Whether two different methods rest on the same assumption, so that their agreement is not
/// independent evidence: `lens` and `direct` read the stream in the basis of the unembedding,
/// `gradient` and `integrated` are of first order.
inline bool share_an_assumption(std::int64_t a, std::int64_t b) {
  const auto within = [&](std::int64_t one, std::int64_t two) {
    return (a == one && b == two) || (a == two && b == one);
  };
  return within(kLens, kDirect) || within(kGradient, kIntegrated);
}

/// Components in the order of the forward: `0_attn_out`, `0_mlp_out`, `1_attn_out`, …
std::vector<std::string> component_names(const lensbench::TransformerSpec& spec);

/// What one prompt does inside the model.
struct RunValues {
  at::Tensor first;     ///< [pos, d_model] stream before the first block
  at::Tensor outputs;   ///< [component, pos, d_model]
  at::Tensor residual;  ///< [pos, d_model] stream after the last block
  /// [component + 1, pos, d_model] stream before each component, and after the last; undefined
  /// where attention and MLP of a block run in parallel
  at::Tensor states;
};

/// Runs a prompt.
RunValues read_run(const lensbench::Model& model, const lensbench::Tokens& tokens);

/// Metric that the lens reads after each component minus that before it, [component] float64. NaN
/// where the stream does not have a state between attention and MLP.
at::Tensor lens_steps(const RunValues& run, const lensbench::MetricReader& reader);

/// Metric that the lens reads before the first block.
double lens_start(const RunValues& run, const lensbench::MetricReader& reader);

/// Effects of first order.
struct FirstOrder {
  at::Tensor gradient;    ///< [component, pos] float64
  at::Tensor integrated;  ///< [component, pos] float64
};

/// Points of the path average, at its midpoints.
inline constexpr std::int64_t kSteps = 5;

/// With a the output of a component and m the metric: sum over the width of
/// (a_clean - a_corrupted) dm/da, of which `gradient` takes the derivative at the corrupted run and
/// `integrated` its mean over runs whose stream before the first block is between that of the
/// corrupted and that of the clean run (EAP-IG: Hanna et al., arXiv:2403.17806).
/// \param tokens  a prompt of the length of both
FirstOrder first_order(const lensbench::Model& model, const lensbench::Tokens& tokens,
                       const RunValues& clean, const RunValues& corrupted,
                       const lensbench::MetricReader& reader);

}  // namespace agreement
