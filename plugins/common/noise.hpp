#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench::tracing {

/// Philox streams: the noise of the subject, and the control's positions and noise.
constexpr std::uint64_t kNoiseStream = 0x74726163, kControlStream = 0x74726164;

/// Standard deviation (n - 1) of the entries of `hook_embed` over the tokens of `from`:
/// `vocabulary`, `subject` or `prompt`.
double embedding_deviation(const Model& model, const Tokens& tokens,
                           const std::vector<std::int64_t>& subject, const std::string& from);

/// Adds rows to `hook_embed`. \param rows  [position, d_embedding], one for each of `positions`
Hooks adding(const std::vector<std::int64_t>& positions, const at::Tensor& rows);

/// Noises of all samples: hooks that add nu times standard normal numbers, drawn in the order of
/// samples, positions and elements.
std::vector<Hooks> noise_on(const std::vector<std::int64_t>& positions, std::int64_t samples,
                            std::int64_t width, double nu, std::uint64_t seed);
/// Noise on as many positions that are not of the subject, drawn for each sample; empty if there
/// are none.
std::vector<Hooks> control_noise(const std::vector<std::int64_t>& subject, std::int64_t length,
                                 std::int64_t samples, std::int64_t width, double nu,
                                 std::uint64_t seed);

/// Mean over runs of a metric, the first that the reader reads.
double mean_metric(const Model& model, const MetricReader& reader, const Tokens& tokens,
                   const std::vector<Hooks>& runs);

}  // namespace lensbench::tracing
