#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// LayerNorm (mean and variance, gain and bias) or RMSNorm (gain only).
enum class NormKind { layer_norm, rms_norm };

struct NormSpec {
  NormKind kind = NormKind::layer_norm;
  double epsilon = 1e-5;
  bool gain_plus_one = false;  ///< the stored weight is the gain minus one (Gemma)
  bool has_bias = true;        ///< LayerNorm without bias exists
  bool has_gain = true;        ///< and one without gain and bias (OPT)
  bool wide_gain = false;      ///< reduced precision is rounded after the gain, not before (Gemma)
};

/// Where a block normalises.
enum class NormPlacement {
  before,            ///< GPT-2, Llama: norm, sublayer, add
  after_add,         ///< BERT: sublayer, add, norm
  after_sublayer,    ///< OLMo 2: sublayer, norm, add
  before_and_after,  ///< Gemma 2: norm, sublayer, norm, add
};

enum class PositionKind { none, learned, rotary, alibi };

/// Linear biases (Press et al., arXiv:2108.12409): head h adds slope_h times the position of the
/// key to its scores. Positions count from the first real token, as in Hugging Face; the paper's
/// -slope_h * distance differs by a constant per query, which the softmax does not see.
struct AlibiSpec {
  bool scaled = false;             ///< multiplied by AttentionSpec::scale like the product (Falcon)
  bool bfloat16_products = false;  ///< made in bfloat16 whatever the model's type (Falcon)
};

/// Rotary embedding; `inverse frequencies` as in Hugging Face `modeling_rope_utils.py`.
struct RopeSpec {
  enum class Scaling { none, linear, dynamic, llama3, yarn, longrope };
  std::int64_t rotary_dim = 0;  ///< leading dimensions of each head that rotate
  double theta = 10000.0;
  bool interleaved = false;  ///< pairs (0,1),(2,3),… (GPT-J) rather than (i, i + d/2)
  Scaling scaling = Scaling::none;
  double factor = 1.0;
  std::int64_t original_max_positions = 0;  ///< context length before scaling
  double low_frequency_factor = 1.0, high_frequency_factor = 4.0;  // llama3
  double beta_fast = 32.0, beta_slow = 1.0;                        // yarn
  bool truncate = true;                                            // yarn
  std::optional<double> attention_factor, mscale, mscale_all_dim;  // yarn, longrope
  std::vector<double> short_factor, long_factor;                   // longrope
};

struct AttentionSpec {
  std::int64_t n_heads = 0;
  std::int64_t n_key_value_heads = 0;  ///< fewer than n_heads: grouped-query attention
  std::int64_t d_head = 0;
  double scale = 0.0;          ///< scores are q·k times this (1/sqrt(d_head) in most)
  double score_softcap = 0.0;  ///< cap*tanh(x/cap); 0: none
  bool causal = true;
  std::vector<std::int64_t> windows;  ///< per layer: keys a query sees, itself included; 0: all
  std::vector<double> layer_scale;    ///< per layer factor on `scale`; empty: 1
  std::optional<NormSpec> query_key_norm;  ///< after the projections, before rotary
  bool query_key_norm_whole = false;       ///< over all heads at once (OLMo 2), not each
  /// The stored q, k and v are one matrix, for each key-value head its queries, its key, its value
  /// (GPT-NeoX, BLOOM, Falcon).
  bool fused_by_group = false;

  std::int64_t window(std::int64_t layer) const {
    return windows.empty() ? 0 : windows[static_cast<std::size_t>(layer)];
  }
};

enum class Activation { gelu, gelu_tanh, quick_gelu, relu, silu };

/// A mixture of experts routes each position to the experts of highest probability, a softmax over
/// all of them, and adds what these make, weighted by their probabilities made to sum to 1
/// (Mixtral, arXiv:2401.04088).
struct MlpSpec {
  std::int64_t d_mlp = 0;  ///< of one expert, in a mixture
  Activation activation = Activation::gelu_tanh;
  bool gated = false;          ///< act(gate(x)) * up(x)
  std::int64_t n_experts = 0;  ///< 0: dense
  std::int64_t experts_per_token = 0;
};

/// A transformer as plain facts: everything the one forward needs to know, nothing about files.
/// Families (`framework/model/families/`) fill it from `config.json`.
struct TransformerSpec {
  std::string family;  ///< `gpt2`, `llama`: the config's model_type
  std::int64_t n_layers = 0;
  std::int64_t d_model = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;  ///< longest sequence the forward takes

  PositionKind position = PositionKind::learned;
  std::int64_t position_offset = 0;  ///< added to the index into the position table (OPT: 2)
  /// Tokens with this id count as no position and have the one before the first (RoBERTa).
  std::optional<std::int64_t> uncounted_id;
  AlibiSpec alibi;
  std::optional<RopeSpec> rope;
  std::optional<RopeSpec> local_rope;  ///< for windowed layers where it differs (Gemma 3)

  NormSpec norm;
  NormPlacement norm_placement = NormPlacement::before;
  bool parallel_blocks = false;       ///< attention and MLP read the same residual (GPT-J, NeoX)
  bool shared_parallel_norm = false;  ///< parallel, and the MLP reads ln1's output (GPT-J, Phi-2)
  bool embedding_norm = false;        ///< BLOOM, BERT
  std::int64_t token_types = 0;       ///< kinds of segment a token may be of (BERT); 0: none
  /// Width of the token embedding where it is not d_model (OPT-350m): it is projected to d_model,
  /// and the normalised stream back before the unembedding. 0: d_model.
  std::int64_t d_embedding = 0;
  bool final_norm = true;
  double embedding_scale = 1.0;  ///< Gemma: sqrt(d_model)
  double residual_scale = 1.0;   ///< on each sublayer's output

  AttentionSpec attention;
  bool attention_bias = true;         ///< biases of the query, key and value projections
  bool attention_output_bias = true;  ///< bias of the output projection
  MlpSpec mlp;
  bool mlp_bias = true;

  bool tied_unembedding = true;
  double logit_scale = 1.0;            ///< multiplies the logits, before the softcap
  double logit_softcap = 0.0;          ///< 0: none
  bool masked_language_model = false;  ///< BERT: bidirectional, scores masked positions
  /// Of the dense layer that a masked-language model has before its final norm.
  Activation head_activation = Activation::gelu;

  std::int64_t embedding_width() const { return d_embedding > 0 ? d_embedding : d_model; }
};

}  // namespace lensbench
