#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>

namespace lensbench::dictionaries {

SparseAutoencoderOptions options_of(const Model& model, const Parameters& parameters);

/// \throws UsageError for an option out of range, and for splice of a model without a next token
void check_options(const Model& model, const SparseAutoencoderOptions& options);

void add_options(Dataset& dataset, const SparseAutoencoderOptions& options);

}  // namespace lensbench::dictionaries
