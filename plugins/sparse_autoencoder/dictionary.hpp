#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "active.hpp"

namespace lensbench::dictionaries {

/// How features become active.
enum class Activation { relu, jumprelu, topk, gated };
/// What is done to a row before the encoder, and undone after the decoder.
enum class InputNorm { none, constant_norm, layer_norm };

/// What the file of settings says.
struct DictionarySettings {
  std::string architecture;  ///< as SAELens names it
  Activation activation = Activation::relu;
  InputNorm norm = InputNorm::none;
  std::int64_t d_in = 0, d_out = 0, features = 0;
  std::int64_t k = 0;             ///< number of active features in topk
  bool rescaled = false;          ///< topk chooses by the length of what is decoded
  bool bias_from_input = true;    ///< the decoder's bias is subtracted before the encoder
  bool joins_heads = false;       ///< heads of `hook_z` are one row
  bool transcoder = false;        ///< predicts another activation
  bool skips = false;             ///< adds a linear map of the input
  bool centred_model = false;     ///< trained on a stream whose mean over d_model was removed
  std::string hook, output_hook;  ///< points that it was trained on; empty: not said
};

/// A sparse autoencoder or transcoder; tensors are float32. Formulas are those of SAELens 6
/// (`sae_lens/saes/*.py`).
struct Dictionary {
  DictionarySettings settings;
  at::Tensor encoder;         ///< [d_in, feature] W_enc
  at::Tensor encoder_bias;    ///< [feature] b_enc, or b_gate of a gated one
  at::Tensor decoder;         ///< [feature, d_out] W_dec
  at::Tensor decoder_bias;    ///< [d_out] b_dec
  at::Tensor threshold;       ///< [feature] of jumprelu
  at::Tensor magnitude;       ///< [feature] e to the r_mag of a gated one
  at::Tensor magnitude_bias;  ///< [feature] b_mag of a gated one
  at::Tensor skip;            ///< [d_out, d_in] W_skip, if it has one
  at::Tensor decoder_norm;    ///< [feature] lengths of the rows of the decoder
};

/// Rows as the encoder reads them, and what the decoder's result is multiplied by and moved by.
struct NormalisedRows {
  at::Tensor rows;          ///< [row, d_in]
  at::Tensor scale, shift;  ///< [row, 1]; undefined: 1 and 0
};
NormalisedRows normalised(const Dictionary& dictionary, const at::Tensor& rows);

/// Active features of normalised rows, with the sizes by which the decoder's rows are not yet
/// divided (`rescaled`).
ActiveFeatures encode(const Dictionary& dictionary, const NormalisedRows& rows);

/// Activations as factors of the decoder's rows in the output.
/// \param ids  [entry] int64, the feature of each activation [entry]
at::Tensor decoder_factors(const Dictionary& dictionary, const at::Tensor& activations,
                           const at::Tensor& ids);

/// Parts [row, d_out] of the features in the output: the sum of the decoder's rows, the norm of the
/// input undone.
at::Tensor parts_of_features(const Dictionary& dictionary, const NormalisedRows& rows,
                             const ActiveFeatures& active);

/// Part [row, d_out] of one feature in the output. \param activation  [row]
at::Tensor feature_part(const Dictionary& dictionary, const NormalisedRows& rows,
                        const at::Tensor& activation, std::int64_t feature);

/// Outputs [row, d_out]: the parts of the features and all that does not depend on them.
/// \param parts  as `parts_of_features` gives them
/// \param input  the rows [row, d_in] as they are, which a skip connection reads
at::Tensor output_of(const Dictionary& dictionary, const NormalisedRows& rows,
                     const at::Tensor& parts, const at::Tensor& input);

/// Rows whose products with the encoder are at most 32 MiB.
std::int64_t rows_of_tile(const Dictionary& dictionary);

}  // namespace lensbench::dictionaries
