#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>
#include <memory>
#include <vector>

#include "model/weights/family_settings.hpp"

namespace lensbench {

class TowerTokens;

/// A matrix in right-multiplying form, y = x · weight + bias. It is a view of the stored tensor,
/// transposed where the checkpoint stores [out, in].
struct Linear {
  at::Tensor weight;  ///< [in, out], any strides; it may be quantized (quantized_tensor.hpp)
  at::Tensor bias;    ///< [out] or undefined
};

struct NormWeights {
  at::Tensor gain;  ///< [d_model] as applied; float32 where the file has the gain minus one
  at::Tensor bias;  ///< [d_model] or undefined
};

/// One expert of a mixture.
struct ExpertWeights {
  Linear gate, in, out;
};

/// Projections of latent attention, see LatentAttention.
struct LatentWeights {
  Linear query_in;         ///< [d_model, query_rank]; undefined without a vector for queries
  NormWeights query_norm;  ///< of that vector
  Linear query_out;        ///< [query_rank or d_model, head * d_head]
  Linear key_value_in;     ///< [d_model, key_value_rank + d_rotary]
  NormWeights key_value_norm;
  Linear key_value_out;  ///< [key_value_rank, head * (d_head - d_rotary + d_value)]
};

/// Parameters of an activation xIELU, one number each.
struct XieluWeights {
  at::Tensor alpha_p, alpha_n;  ///< [1]; softplus of these are the curvatures of the two sides
  at::Tensor beta;              ///< [], slope at 0
  at::Tensor eps;               ///< [], largest argument of the exponential
};

struct BlockWeights {
  NormWeights ln1, ln2;            ///< undefined where NormPlacement or a shared norm excludes them
  NormWeights ln1_post, ln2_post;  ///< for NormPlacement::before_and_after and after_sublayer
  /// [d_head], [head, d_head] for separate gains per head, or [head * d_head] for one norm over
  /// all.
  NormWeights q_norm, k_norm;
  /// The three projections as one matrix, where the checkpoint stores them so; else undefined.
  /// [in, q + k + v], and q, k and v are views of it; or, for AttentionSpec::fused_by_group,
  /// [in, kv_head * (group + 2) * d_head], and q, k and v are undefined.
  Linear qkv;
  Linear q, k, v, o;
  Linear gate;  ///< undefined unless gated
  Linear in, out;
  Linear router;  ///< [d_model, expert]; undefined unless a mixture
  std::vector<ExpertWeights>
      experts;                  ///< experts of a mixture, where gate, in and out are undefined
  ExpertWeights shared_expert;  ///< for TransformerSpec::d_shared_expert
  /// [d_model, 1], whose sigmoid is the share of the shared expert; undefined where that is 1.
  Linear shared_expert_gate;
  at::Tensor sinks;              ///< [head], for TransformerSpec::attention_sinks
  XieluWeights xielu;            ///< for Activation::xielu
  LatentWeights latent;          ///< in place of q, k and v, for TransformerSpec::latent
  at::Tensor router_correction;  ///< [expert], for RoutingSpec::correction
};

/// One block of a vision tower.
struct TowerBlockWeights {
  NormWeights norm1, norm2;
  Linear qkv;  ///< [d_model, 3 * d_model]: queries, keys and values, each by head
  Linear o;
  Linear gate;  ///< undefined unless gated
  Linear in, out;
};

/// A vision tower, and the merger that turns its output into tokens.
struct TowerWeights {
  Linear patch_embed;  ///< [patch values, d_model]
  std::vector<TowerBlockWeights> blocks;
  NormWeights merger_norm;
  Linear merger_in, merger_out;  ///< [patches of a token * d_model, the same], [the same, d_model
                                 ///< of the text model]
};

struct ModelWeights {
  at::Tensor embedding;    ///< [vocab, embedding_width]
  at::Tensor positions;    ///< [pos, d_model] or undefined
  at::Tensor token_types;  ///< [type, d_model] or undefined
  NormWeights ln_embed;    ///< for TransformerSpec::embedding_norm
  Linear project_in;       ///< [embedding_width, d_model] where the two differ
  std::vector<BlockWeights> blocks;
  Linear prediction_head;  ///< [d_model, d_model] dense layer of a masked-language model, before
                           ///< ln_final
  NormWeights ln_final;
  Linear project_out;  ///< [d_model, embedding_width] where the two differ
  Unembedding unembedding;
  TowerWeights tower;  ///< for TransformerSpec::vision
  /// What these weights of the tower made of pictures; nullptr: nothing is kept.
  std::shared_ptr<TowerTokens> tower_tokens = nullptr;
  FamilySettings settings = {};  ///< those with which the weights were taken
};

}  // namespace lensbench
