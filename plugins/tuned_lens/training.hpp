#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/tuned_lens.hpp>
#include <vector>

#include "divergence.hpp"
#include "optimiser.hpp"
#include "translators.hpp"

namespace lensbench::tuned {

/// Streams of random numbers from here on draw the rows of each window.
inline constexpr std::uint64_t kRowStreams = std::uint64_t{1} << 40;

/// Sums over rows of what a step needs.
struct StepSums {
  explicit StepSums(const TransformerSpec& spec);
  Translators gradient;   ///< gradient of the sum of the divergences
  at::Tensor divergence;  ///< [layer] float64 nats
  std::int64_t rows = 0;
};

/// Adds the divergences of all layers at the rows of a window, and their gradients.
/// \param streams    as `read_streams` gives them
/// \param bias_only  leave the gradients of the matrices 0
void add_rows(const Model& model, Divergence& divergence, const Translators& translators,
              const std::vector<at::Tensor>& streams, bool bias_only, StepSums& sums);

/// Sums of the divergences of all layers over the rows of a window, [layer] float64.
at::Tensor divergences(const Model& model, Divergence& divergence, const Translators& translators,
                       const std::vector<at::Tensor>& streams);

/// A window of a step: its tokens, and the positions that are trained on (empty: all).
struct TrainingWindow {
  Tokens tokens;
  std::vector<std::int64_t> rows = {};
};

/// Translators and the optimiser that moves them.
struct Trainer {
  Trainer(const Model& given, const TunedLensTraining& options);
  /// Takes one step. \return mean divergence of each layer over the rows before it, [layer] float64
  at::Tensor step(const std::vector<TrainingWindow>& windows, std::int64_t step);

  const Model& model;
  TunedLensTraining training;
  Translators translators;
  Optimiser optimiser;
  Divergence divergence;
};

/// A finished training.
struct Trained {
  Translators translators;
  at::Tensor training_kl;       ///< [step, layer] float64
  std::int64_t windows = 0;     ///< windows that were read
  std::int64_t epochs = 0;      ///< times that the text was begun again
  std::int64_t rows = 0;        ///< rows that were trained on
  double first_difference = 0;  ///< see `first_step_difference`
  double gradient_error = 0;    ///< see `gradient_difference`
};

/// Trains on the part of the text that is not held out. The state is kept every half minute, after
/// the last step, and before an interruption; a training of the same case goes on after it.
/// \throws RunError if the run is cancelled or a number is not finite
Trained train_translators(Context& context, const TunedLensTraining& training);

}  // namespace lensbench::tuned
