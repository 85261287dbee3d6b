#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <string>
#include <vector>

namespace lensbench::neurons {

/// Tokens of largest and smallest value for each of some vectors.
struct TopTokens {
  at::Tensor ids;     ///< [neuron, sign, rank] int64; sign 0 the largest, 1 the smallest
  at::Tensor values;  ///< [neuron, sign, rank] float64
};

/// Why a model does not have tokens that a neuron writes directly; empty if it does.
std::string no_output_reason(const TransformerSpec& spec);
/// Why a model does not have token embeddings that a neuron reads directly; empty if it does.
std::string no_input_reason(const TransformerSpec& spec);

/// What a unit of activation adds to the normalised stream, as if the final norm's scale were 1
/// [neuron, d_model] float64: W_out[n], through the centring and gain of a norm that follows the
/// MLP, whose scale counts as 1 too, and through those of the final norm.
at::Tensor output_directions(const Model& model, const std::vector<NeuronId>& neurons);
/// Logits of a unit of activation at final scale 1: the products with W_U.
TopTokens output_tokens(const Model& model, const std::vector<NeuronId>& neurons, std::int64_t k);

/// Part of each token's embedding that a neuron reads, as if the norm before the MLP had scale 1:
/// W_E · (gain · W[:, n]), W being W_in or W_gate.
TopTokens input_tokens(const Model& model, const std::vector<NeuronId>& neurons,
                       const std::string& weight, std::int64_t k);

/// Adds what a neuron writes to the last stream of the prompt, with the scale of the final norm
/// frozen, and compares the change of the unembedding's input with `output_directions`.
Receipt output_receipt(const Model& model, const Tokens& prompt,
                       const std::vector<NeuronId>& neurons);

}  // namespace lensbench::neurons
