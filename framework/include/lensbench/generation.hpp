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

/// Sampling of the next token, in this order: logits / temperature, then top-k, then top-p (the
/// smallest set whose cumulative probability reaches p), then renormalise, then draw.
struct SamplingOptions {
  double temperature = 0.0;  ///< 0: greedy, the first of the largest logits
  std::int64_t top_k = 0;    ///< candidates kept; 0: all
  double top_p = 1.0;        ///< cumulative probability kept; 1: all
  std::uint64_t seed = 0;    ///< seed of the random draws
};

/// Settings for continuing a prompt.
struct GenerationOptions {
  std::int64_t max_new_tokens = 20;     ///< largest number of tokens added
  SamplingOptions sampling;             ///< choice of each token
  bool stop_at_end_of_sequence = true;  ///< stop after an end-of-sequence id
  bool use_cache = true;                ///< false: a full forward for each step, to check the cache
};

/// Distribution that a token is drawn from.
/// \param logits   [vocab] float32
/// \param options  temperature, top-k, top-p; the seed has no effect
/// \return [vocab] float64, sums to 1
LENSBENCH_API at::Tensor sampling_distribution(const at::Tensor& logits,
                                               const SamplingOptions& options);

/// Chooses the next token id.
/// \param logits   [vocab] float32
/// \param options  sampling settings; a temperature of 0 uses no random number
/// \param random   random stream of the draw
LENSBENCH_API std::int64_t choose_token(const at::Tensor& logits, const SamplingOptions& options,
                                        Philox& random);

/// Callback for each step, counted from 0, with the logits [vocab] float32 of that step.
using GenerationStep =
    std::function<void(std::int64_t step, const at::Tensor& logits, std::int64_t chosen)>;

/// Continues a prompt with the key-value cache.
/// \param model    the model to run
/// \param prompt   the tokens to continue
/// \param options  sampling and length
/// \param on_step  called once for each new token
/// \param hooks    hooks that are active at every step
/// \return the new ids, including the end-of-sequence id if generation ended with one
/// \throws InputError for a prompt longer than the model's positions
/// \throws UsageError if prompt and new tokens together are longer than the model's positions
LENSBENCH_API std::vector<std::int64_t> generate(const Model& model, const Tokens& prompt,
                                                 const GenerationOptions& options,
                                                 const GenerationStep& on_step = {},
                                                 const Hooks& hooks = {});

}  // namespace lensbench
