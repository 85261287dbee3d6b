#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/corpus.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <string>

#include "dictionary.hpp"
#include "site.hpp"

namespace lensbench::dictionaries {

/// Stream of random numbers of the first decoder.
inline constexpr std::uint64_t kDecoderStream = 0x73616564;

/// A finished training.
struct Trained {
  Dictionary dictionary;
  at::Tensor mse;             ///< [step] float64, mean squared error of a row, before the step
  std::int64_t windows = 0;   ///< windows that were read
  std::int64_t epochs = 0;    ///< times that the text was begun again
  std::int64_t rows = 0;      ///< rows that were trained on
  std::int64_t left_out = 0;  ///< rows that were much longer than the others
  double scale = 1;           ///< factor on rows while the dictionary was trained
};

/// Windows of a part of the text, documents in a random order that depends on the seed alone.
CorpusOptions corpus_options(const Model& model, const SparseAutoencoderTraining& training,
                             std::int64_t window, std::uint64_t seed, CorpusPart part);

/// All that a training depends on but for the model, by which a kept one is recognised.
std::string training_key(const Context& context, const Site& site,
                         const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options);

/// Trains on the part of the text that is not held out. The state is kept every half minute, after
/// the last step, and before an interruption; an equal training of the same case goes on after it.
/// \throws UsageError for a text without windows
/// \throws RunError if the run is cancelled or a number is not finite
Trained train_dictionary(Context& context, const Site& site,
                         const SparseAutoencoderTraining& training,
                         const SparseAutoencoderOptions& options);

}  // namespace lensbench::dictionaries
