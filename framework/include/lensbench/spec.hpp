#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// LayerNorm (mean and variance, gain and bias) or RMSNorm (gain only).
enum class NormKind {
  layer_norm,  ///< (x - mean) / sqrt(variance + epsilon) * gain + bias
  rms_norm,    ///< x / sqrt(mean(x^2) + epsilon) * gain
};

/// One normalisation.
struct NormSpec {
  NormKind kind = NormKind::layer_norm;  ///< statistics of the norm
  double epsilon = 1e-5;                 ///< added to the variance or the mean square
  bool gain_plus_one = false;            ///< the stored weight is the gain minus one (Gemma)
  bool has_bias = true;                  ///< false: LayerNorm without bias
  bool has_gain = true;                  ///< false: LayerNorm without gain and bias (OPT)
  bool wide_gain = false;  ///< round to reduced precision after the gain, not before (Gemma)
};

/// Position of the norms in a block.
enum class NormPlacement {
  before,            ///< GPT-2, Llama: norm, sublayer, add
  after_add,         ///< BERT: sublayer, add, norm
  after_sublayer,    ///< OLMo 2: sublayer, norm, add
  before_and_after,  ///< Gemma 2: norm, sublayer, norm, add
};

/// Encoding of token positions.
enum class PositionKind {
  none,     ///< no position encoding
  learned,  ///< one vector for each position, added to the embedding (GPT-2)
  rotary,   ///< queries and keys are rotated by position: RopeSpec
  alibi,    ///< scores fall with distance: AlibiSpec
};

/// Linear biases (Press et al., arXiv:2108.12409): head h adds slope_h times the position of the
/// key to its scores. Positions count from the first real token, as in Hugging Face; the paper's
/// -slope_h * distance differs by a constant per query, which the softmax does not see.
struct AlibiSpec {
  bool scaled = false;             ///< multiplied by AttentionSpec::scale like the product (Falcon)
  bool bfloat16_products = false;  ///< computed in bfloat16 for every model dtype (Falcon)
  bool wide = false;               ///< not rounded to the model's dtype (MPT)
};

/// Rotary embedding; `inverse frequencies` as in Hugging Face `modeling_rope_utils.py`.
struct RopeSpec {
  /// Change of the frequencies for contexts longer than in training.
  enum class Scaling {
    none,      ///< not at all
    linear,    ///< positions divided by `factor`
    dynamic,   ///< theta grows with the length of the sequence beyond `original_max_positions`
    llama3,    ///< low frequencies divided by `factor`, high ones kept, a ramp between
    yarn,      ///< Peng et al., arXiv:2309.00071
    longrope,  ///< a factor for each frequency (Ding et al., arXiv:2402.13753)
  };
  std::int64_t rotary_dim = 0;      ///< leading dimensions of each head that rotate
  double theta = 10000.0;           ///< base of the frequencies
  bool interleaved = false;         ///< pairs (0,1),(2,3),… (GPT-J) rather than (i, i + d/2)
  Scaling scaling = Scaling::none;  ///< selects which of the fields below apply
  double factor = 1.0;  ///< in most kinds, the ratio of the context length to that of training
  std::int64_t original_max_positions = 0;  ///< context length before scaling
  bool from_table = false;  ///< angles come from a table that ends at `max_positions` (GPT-J)
  /// llama3: wavelengths above `original_max_positions` / this are divided by `factor`.
  double low_frequency_factor = 1.0;
  /// llama3: wavelengths below `original_max_positions` / this are kept.
  double high_frequency_factor = 4.0;
  double beta_fast = 32.0;  ///< yarn: dimensions that turn more often than this are kept
  double beta_slow = 1.0;   ///< yarn: dimensions that turn less often are divided by `factor`
  bool truncate = true;     ///< yarn: the ramp between them starts and ends at integer dimensions
  /// yarn, longrope: factor on queries and keys; unset: the value of the reference implementation.
  std::optional<double> attention_factor;
  std::optional<double> mscale;          ///< yarn: numerator of the attention factor
  std::optional<double> mscale_all_dim;  ///< yarn: denominator of the attention factor
  /// longrope: divisor of each frequency, up to `original_max_positions` tokens.
  std::vector<double> short_factor;
  std::vector<double> long_factor;  ///< longrope: divisors for longer sequences
  /// Numbers of frequencies that turn with the temporal, vertical and horizontal position of a
  /// token, in turn (Qwen2-VL); empty: each token has one position.
  std::vector<std::int64_t> sections;
};

/// Attention layer, equal in all blocks except for `windows` and `layer_scale`.
struct AttentionSpec {
  std::int64_t n_heads = 0;                ///< query heads
  std::int64_t n_key_value_heads = 0;      ///< fewer than n_heads: grouped-query attention
  std::int64_t d_head = 0;                 ///< width of one head
  double scale = 0.0;                      ///< factor on q·k (mostly 1/sqrt(d_head))
  double score_softcap = 0.0;              ///< cap*tanh(x/cap); 0: none
  bool causal = true;                      ///< a query sees no later key
  std::vector<std::int64_t> windows;       ///< `window` of each block; empty: 0 in all blocks
  std::vector<double> layer_scale;         ///< per block: factor on `scale`; empty: 1
  std::optional<NormSpec> query_key_norm;  ///< after the projections, before rotary
  bool query_key_norm_whole = false;       ///< one norm over all heads (OLMo 2), not one per head
  /// The file stores q, k and v as one matrix that holds, for each key-value head, its queries, its
  /// key and its value (GPT-NeoX, BLOOM, Falcon).
  bool fused_by_group = false;

  /// Number of keys that a query of this block sees, itself included; 0: all; below 0: a query sees
  /// the keys of its own chunk, of that many positions counted from the start of the text (Llama
  /// 4).
  std::int64_t window(std::int64_t layer) const {
    return windows.empty() ? 0 : windows[static_cast<std::size_t>(layer)];
  }
};

/// Nonlinearity of an MLP.
enum class Activation {
  gelu,          ///< x * Phi(x)
  gelu_tanh,     ///< approximation of GELU with tanh
  quick_gelu,    ///< x * sigmoid(1.702 x)
  relu,          ///< max(x, 0)
  silu,          ///< x * sigmoid(x)
  relu_squared,  ///< max(x, 0)^2
  xielu,         ///< arXiv:2411.13010, with parameters of each block (Apertus)
};

/// Gate of gpt-oss between the projections of an expert: (up + 1) * gate * sigmoid(alpha * gate),
/// where gate is at most `limit` and up within ± `limit`.
struct ClippedGate {
  double alpha = 1.702;  ///< steepness of the sigmoid
  double limit = 7.0;    ///< largest gate and largest absolute value of up
};

/// MLP, dense or a mixture of experts. A mixture sends each position to the experts with the
/// highest router probability (softmax over all experts) and adds their outputs, weighted by these
/// probabilities renormalised to sum to 1 (Mixtral, arXiv:2401.04088), or as they are:
/// TransformerSpec::renormalized_experts.
struct MlpSpec {
  std::int64_t d_mlp = 0;                         ///< hidden width; in a mixture that of one expert
  Activation activation = Activation::gelu_tanh;  ///< between the projections
  bool gated = false;                             ///< act(gate(x)) * up(x)
  std::int64_t n_experts = 0;                     ///< 0: dense
  std::int64_t experts_per_token = 0;             ///< experts that process one token, in a mixture
};

/// Vision tower of Qwen2-VL (arXiv:2409.12191) and Qwen2.5-VL (arXiv:2502.13923), and how its
/// output enters the text model. A picture is cut into patches; the tower turns each square of
/// `merge_size` x `merge_size` patches into one token of the text model.
struct VisionSpec {
  std::int64_t n_layers = 0;  ///< blocks of the tower
  std::int64_t d_model = 0;   ///< width of the tower's stream
  std::int64_t n_heads = 0;   ///< heads of each block, all with their own keys and values
  std::int64_t d_mlp = 0;     ///< hidden width of the tower's MLPs
  Activation activation = Activation::quick_gelu;  ///< of the tower's MLPs
  bool gated = false;                              ///< act(gate(x)) * up(x) (Qwen2.5-VL)
  NormSpec norm;                                   ///< every norm of the tower

  std::int64_t patch_size = 14;    ///< pixels on a side of a patch
  std::int64_t merge_size = 2;     ///< patches on a side of a token
  std::int64_t temporal_size = 2;  ///< frames in a patch; a still picture is repeated
  /// Pixels on a side of a window, within which patches attend to each other; 0: no windows.
  std::int64_t window_size = 0;
  /// Blocks that attend over the whole frame although there are windows.
  std::vector<std::int64_t> full_attention_blocks;
  double rope_theta = 10000.0;  ///< base of the tower's rotations

  std::int64_t image_token_id = 0;         ///< id whose embeddings a picture replaces
  std::int64_t video_token_id = 0;         ///< the same for a video
  std::int64_t vision_start_token_id = 0;  ///< id before a picture
  std::int64_t vision_end_token_id = 0;    ///< id after a picture
  /// Temporal positions in a second of a video; 0: one position for each pair of frames.
  double tokens_per_second = 0.0;

  std::int64_t d_head() const { return d_model / n_heads; }  ///< width of one head
  /// Values of a patch: three colours of every pixel of every frame.
  std::int64_t patch_values() const { return 3 * temporal_size * patch_size * patch_size; }
  /// Patches that become one token.
  std::int64_t patches_of_token() const { return merge_size * merge_size; }
};

/// Latent attention (DeepSeek-V2, arXiv:2405.04434): the keys and values of all heads are made of
/// one vector of each position. A cache holds this vector and the rotated part of the keys, which
/// the heads share. In such a model AttentionSpec::d_head is the width of a query and of a key.
struct LatentAttention {
  std::int64_t query_rank = 0;      ///< width of the vector that queries are made of; 0: the stream
  std::int64_t key_value_rank = 0;  ///< width of the vector that keys and values are made of
  std::int64_t d_rotary = 0;        ///< trailing dimensions of queries and keys that rotate
  std::int64_t d_value = 0;         ///< width of a value
  NormSpec norm;                    ///< norms of both vectors
  /// The pairs (0,1),(2,3),… rotate, and come out as (i, i + d_rotary / 2) (DeepSeek-V3).
  bool reordered = false;
};

/// How a mixture scores its experts and which of them it may choose.
struct RoutingSpec {
  bool sigmoid = false;     ///< scores are sigmoids, in place of a softmax over all experts
  bool correction = false;  ///< the choice, not the shares, adds a number of each expert
  std::int64_t groups = 1;  ///< groups of equally many consecutive experts
  std::int64_t groups_per_token = 1;  ///< groups from which a token's experts come
  std::int64_t group_scores = 1;      ///< a group ranks by the sum of this many highest scores
  double scale = 1.0;                 ///< factor on the shares of the chosen experts
};

/// Description of a transformer: everything that the forward needs to know, nothing about files.
/// The families in `framework/model/families/` fill it from `config.json`.
struct TransformerSpec {
  std::string family;              ///< model_type of the config: `gpt2`, `llama`, …
  std::int64_t n_layers = 0;       ///< number of blocks
  std::int64_t d_model = 0;        ///< width of the residual stream
  std::int64_t vocab_size = 0;     ///< rows of the unembedding
  std::int64_t max_positions = 0;  ///< longest sequence that the model was made for (n_ctx)

  PositionKind position = PositionKind::learned;  ///< encoding of positions
  std::int64_t position_offset = 0;  ///< added to the index into the position table (OPT: 2)
  /// Tokens with this id do not count as positions and get the position before the first (RoBERTa).
  std::optional<std::int64_t> uncounted_id;
  AlibiSpec alibi;                     ///< for PositionKind::alibi
  std::optional<RopeSpec> rope;        ///< for PositionKind::rotary
  std::optional<RopeSpec> local_rope;  ///< for windowed layers where it differs (Gemma 3)

  NormSpec norm;                                         ///< every norm of the stream
  NormPlacement norm_placement = NormPlacement::before;  ///< position of the norms in each block
  bool parallel_blocks = false;       ///< attention and MLP read the same residual (GPT-J, NeoX)
  bool shared_parallel_norm = false;  ///< parallel, and the MLP reads ln1's output (GPT-J, Phi-2)
  bool embedding_norm = false;        ///< norm after the embedding (BLOOM, BERT)
  std::int64_t token_types = 0;       ///< number of segment types (BERT); 0: none
  /// Width of the token embedding if it is not d_model (OPT-350m): a projection leads to d_model,
  /// and another one back before the unembedding. 0: d_model.
  std::int64_t d_embedding = 0;
  bool final_norm = true;        ///< norm before the unembedding
  double embedding_scale = 1.0;  ///< factor on the embedding (Gemma: sqrt(d_model))
  double residual_scale = 1.0;   ///< factor on each sublayer's output

  AttentionSpec attention;            ///< attention of every block
  bool attention_bias = true;         ///< biases of the query, key and value projections
  bool attention_output_bias = true;  ///< bias of the output projection
  MlpSpec mlp;                        ///< MLP of every block
  bool mlp_bias = true;               ///< biases of the MLP's projections

  bool tied_unembedding = true;        ///< the unembedding is the token embedding
  double logit_scale = 1.0;            ///< factor on the logits, before the softcap
  double logit_softcap = 0.0;          ///< 0: none
  bool masked_language_model = false;  ///< BERT: bidirectional, scores masked positions
  std::optional<VisionSpec> vision;    ///< tower that reads pictures, if there is one
  /// Activation of the dense layer before the final norm of a masked-language model.
  Activation head_activation = Activation::gelu;

  // Settings of few families, after those above so that these keep their places.

  /// Blocks whose queries and keys are not rotated although there is a rotation (SmolLM3); empty:
  /// none.
  std::vector<bool> unrotated_blocks;
  /// Queries, keys and values are limited to ± this value before the rotation (OLMo); 0: they are
  /// not.
  double projection_limit = 0.0;
  /// Each head has a score without a key, which takes a share of the softmax (gpt-oss).
  bool attention_sinks = false;
  /// Rotated queries are multiplied by 1 + this * ln(1 + floor(position / query_growth_positions))
  /// (Ministral 3).
  double query_growth = 0.0;
  std::int64_t query_growth_positions = 1;  ///< see `query_growth`
  bool wide_embedding_scale = false;  ///< the scale is not rounded to the model's dtype (Granite)
  /// The shares of the chosen experts are divided by their sum; false: they stay as they are in the
  /// softmax over all experts (OLMoE).
  bool renormalized_experts = true;
  /// Width of an expert that reads every position (Qwen2-MoE, DeepSeek); 0: none.
  std::int64_t d_shared_expert = 0;
  std::optional<ClippedGate> clipped_gate;  ///< in place of the activation of experts
  std::optional<LatentAttention> latent;    ///< DeepSeek-V2 and DeepSeek-V3
  RoutingSpec routing;                      ///< of a mixture
  std::int64_t dense_blocks = 0;   ///< first blocks of a mixture whose MLP is dense (DeepSeek)
  std::int64_t d_dense_mlp = 0;    ///< hidden width of the MLP of these blocks
  bool shared_expert_gate = true;  ///< the shared expert has a share of its own; false: share 1

  /// Whether queries and keys of a block are rotated.
  bool rotates(std::int64_t layer) const {
    return rope && (unrotated_blocks.empty() || !unrotated_blocks[static_cast<std::size_t>(layer)]);
  }

  /// Whether the MLP of a block is a mixture of experts.
  bool is_mixture(std::int64_t layer) const { return mlp.n_experts > 0 && layer >= dense_blocks; }

  /// Width of a value and of a head's result before the output projection.
  std::int64_t d_value() const { return latent ? latent->d_value : attention.d_head; }

  /// Hidden width of an MLP that is not a mixture.
  std::int64_t dense_width() const { return dense_blocks > 0 ? d_dense_mlp : mlp.d_mlp; }

  /// Numbers that a cache holds of each position in each block.
  std::int64_t cached_width() const {
    return latent ? latent->key_value_rank + latent->d_rotary
                  : 2 * attention.n_key_value_heads * attention.d_head;
  }

  /// Numbers of the keys and values with which a running block attends to each position.
  std::int64_t key_value_width() const {
    return attention.n_key_value_heads * (attention.d_head + d_value());
  }

  /// Width of the token embedding: `d_embedding`, or `d_model` where that is 0.
  std::int64_t embedding_width() const { return d_embedding > 0 ? d_embedding : d_model; }
};

/// Longest sequence that the forward accepts: `max_positions` where positions come from a table, as
/// learned ones do, otherwise any length. Rotary models run beyond `max_positions` as in Hugging
/// Face, although they were not trained there.
inline std::int64_t position_limit(const TransformerSpec& spec) {
  const bool table = spec.position == PositionKind::learned || (spec.rope && spec.rope->from_table);
  return table ? spec.max_positions : std::numeric_limits<std::int32_t>::max();
}

}  // namespace lensbench
