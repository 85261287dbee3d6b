#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

namespace lensbench::composition {

/// Weights of the heads of one block, float64. Keys and values are by key-value head.
struct BlockHeads {
  at::Tensor query;   ///< [head, d_model, d_head]
  at::Tensor key;     ///< [kv_head, d_model, d_head]
  at::Tensor value;   ///< [kv_head, d_model, d_head]
  at::Tensor output;  ///< [head, d_head, d_model]

  std::int64_t n_heads() const { return query.size(0); }
  /// Key-value head that a head reads.
  std::int64_t kv_head(std::int64_t head) const { return head / (n_heads() / key.size(0)); }
  at::Tensor key_of(std::int64_t head) const { return key[kv_head(head)]; }
  at::Tensor value_of(std::int64_t head) const { return value[kv_head(head)]; }
};

/// Weights of a model as its heads apply them to the residual stream.
///
/// With `fold`, W_Q, W_K and W_V are multiplied by the gain of the norm before attention and, for
/// LayerNorm, by the centring I - 11ᵀ / d; so is the unembedding by the final norm. A norm after
/// attention is folded into W_O, and the gains of a norm of queries and keys into W_Q and W_K. The
/// scales of these norms, which depend on the data, are left out.
class HeadWeights {
 public:
  HeadWeights(const Model& model, bool fold, std::int64_t offset);

  const Model& model() const { return model_; }
  BlockHeads block(std::int64_t block) const;

  /// Token embeddings [token, d_model] float64 of `count` tokens from `first`.
  at::Tensor embeddings(std::int64_t first, std::int64_t count) const;
  /// Vectors [token, d_model] float64 with which a row of the stream is multiplied for the logits.
  at::Tensor logit_vectors(std::int64_t first, std::int64_t count) const;
  std::int64_t n_tokens() const { return model_.spec().vocab_size; }

 private:
  /// Multiplies a weight [.., d_model, d_head] that reads the stream by gain and centring.
  at::Tensor folded_input(const at::Tensor& weight, const at::Tensor& gain) const;

  const Model& model_;
  bool fold_;
  std::vector<at::Tensor> rotation_;  ///< [d_head, d_head] of each block; empty without an offset
};

/// Sum over the vocabulary of the outer products of two vectors of each token, [d_model, d_model].
struct VocabularyProducts {
  at::Tensor unembed_embed;  ///< W_U W_E: what is written for a token, by what is read of it
  at::Tensor embed_embed;    ///< W_Eᵀ W_E
};

VocabularyProducts vocabulary_products(const HeadWeights& weights);

}  // namespace lensbench::composition
