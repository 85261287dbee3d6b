#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/tools/sparse_autoencoder.hpp>
#include <vector>

#include "attribution.hpp"
#include "reconstruction.hpp"
#include "splice.hpp"
#include "training.hpp"

namespace lensbench::dictionaries {

/// Features of the prompt, and what is measured at each of its tokens.
void add_tokens(Dataset& dataset, const Tokens& tokens, const SiteRows& rows,
                const Reconstruction& rebuilt);
/// Numbers over rows, and of the features themselves.
void add_fidelity(Dataset& dataset, const Dictionary& dictionary, const Fidelity& fidelity);
void add_splice(Dataset& dataset, const Splice& splice);
void add_attribution(Dataset& dataset, const Attribution& parts, const char* units);
/// Tokens of the features that the prompt lists, and of the given ones.
void add_feature_tokens(Dataset& dataset, const Model& model, const Dictionary& dictionary,
                        const Reconstruction& rebuilt, const SparseAutoencoderOptions& options);
/// Activations of the given features in the prompt. \param splice  without each of them, if it was
/// measured
void add_given(Dataset& dataset, const Reconstruction& rebuilt,
               const std::vector<std::int64_t>& features, const Splice* splice);
/// Rows of the decoder.
void add_decoder(Dataset& dataset, const Dictionary& dictionary);
/// The weights of a training and its course.
void add_training(Dataset& dataset, const Trained& trained, double held_out_fvu);

}  // namespace lensbench::dictionaries
