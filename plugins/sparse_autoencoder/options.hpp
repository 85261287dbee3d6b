#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>

namespace lensbench::dictionaries {

SparseAutoencoderOptions options_of(const Model& model, const Parameters& parameters);
SparseAutoencoderTraining training_of(const Parameters& parameters);

/// \throws UsageError for an option out of range, and for splice of a model without a next token
void check_options(const Model& model, const SparseAutoencoderOptions& options);
/// \throws UsageError for a feature that a dictionary of so many does not have
void check_features(const SparseAutoencoderOptions& options, std::int64_t features);
/// \throws UsageError for a number out of range, or without a text
void check_training(const SparseAutoencoderTraining& training);

void add_options(Dataset& dataset, const SparseAutoencoderOptions& options);
void add_training_options(Dataset& dataset, const SparseAutoencoderTraining& training);

}  // namespace lensbench::dictionaries
