#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/random.hpp>
#include <vector>

namespace lensbench {

/// How the next token is chosen. The order is: logits / temperature, then top-k, then top-p (the
/// smallest set whose cumulative probability reaches p), then renormalise, then draw.
struct SamplingOptions {
  double temperature = 0.0;  ///< 0: greedy, the first of the largest logits
  std::int64_t top_k = 0;    ///< 0: all
  double top_p = 1.0;        ///< 1: all
  std::uint64_t seed = 0;    ///< of the draws
};

/// How a prompt is continued.
struct GenerationOptions {
  std::int64_t max_new_tokens = 20;     ///< the most that is added
  SamplingOptions sampling;             ///< how each token is chosen
  bool stop_at_end_of_sequence = true;  ///< after an end-of-sequence id
  bool use_cache = true;                ///< false: a full forward a step, for checking
};

/// The distribution a token is drawn from.
/// \param logits   [vocab] float32
/// \param options  temperature, top-k, top-p; the seed plays no part
/// \return [vocab] float64, sums to 1
LENSBENCH_API at::Tensor sampling_distribution(const at::Tensor& logits,
                                               const SamplingOptions& options);

/// Draws the next id.
/// \param logits   [vocab] float32
/// \param options  the distribution; a temperature of 0 draws nothing
/// \param random   the stream drawn from
LENSBENCH_API std::int64_t choose_token(const at::Tensor& logits, const SamplingOptions& options,
                                        Philox& random);

/// Called for each step, from 0, with the logits [vocab] float32 that `chosen` was drawn from.
using GenerationStep =
    std::function<void(std::int64_t step, const at::Tensor& logits, std::int64_t chosen)>;

/// Continues a prompt with the key-value cache.
/// \param model    the model to run
/// \param prompt   what is continued
/// \param options  how, and how far
/// \param on_step  called once a new token
/// \param hooks    active at every step
/// \return the new ids, the end-of-sequence id included if it ended so
/// \throws InputError for a prompt longer than the model's positions
/// \throws UsageError if prompt and new tokens together are
LENSBENCH_API std::vector<std::int64_t> generate(const Model& model, const Tokens& prompt,
                                                 const GenerationOptions& options,
                                                 const GenerationStep& on_step = {},
                                                 const Hooks& hooks = {});

}  // namespace lensbench
