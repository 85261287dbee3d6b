#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
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
  NormKind kind = NormKind::layer_norm;  ///< which statistics it divides by
  double epsilon = 1e-5;                 ///< added to the variance or the mean square
  bool gain_plus_one = false;            ///< the stored weight is the gain minus one (Gemma)
  bool has_bias = true;                  ///< LayerNorm without bias exists
  bool has_gain = true;                  ///< and one without gain and bias (OPT)
  bool wide_gain = false;  ///< reduced precision is rounded after the gain, not before (Gemma)
};

/// Where a block normalises.
enum class NormPlacement {
  before,            ///< GPT-2, Llama: norm, sublayer, add
  after_add,         ///< BERT: sublayer, add, norm
  after_sublayer,    ///< OLMo 2: sublayer, norm, add
  before_and_after,  ///< Gemma 2: norm, sublayer, norm, add
};

/// How the model knows where a token stands.
enum class PositionKind {
  none,     ///< it does not
  learned,  ///< a vector a position, added to the embedding (GPT-2)
  rotary,   ///< queries and keys are rotated by position: RopeSpec
  alibi,    ///< scores fall with distance: AlibiSpec
};

/// Linear biases (Press et al., arXiv:2108.12409): head h adds slope_h times the position of the
/// key to its scores. Positions count from the first real token, as in Hugging Face; the paper's
/// -slope_h * distance differs by a constant per query, which the softmax does not see.
struct AlibiSpec {
  bool scaled = false;             ///< multiplied by AttentionSpec::scale like the product (Falcon)
  bool bfloat16_products = false;  ///< made in bfloat16 whatever the model's type (Falcon)
};

/// Rotary embedding; `inverse frequencies` as in Hugging Face `modeling_rope_utils.py`.
struct RopeSpec {
  /// How frequencies are changed for contexts longer than those trained on.
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
  Scaling scaling = Scaling::none;  ///< which of the fields below count
  double factor = 1.0;              ///< how much longer than trained, in most
  std::int64_t original_max_positions = 0;  ///< context length before scaling
  /// llama3: wavelengths above `original_max_positions` over this are divided whole.
  double low_frequency_factor = 1.0;
  /// llama3: wavelengths below `original_max_positions` over this are kept.
  double high_frequency_factor = 4.0;
  double beta_fast = 32.0;  ///< yarn: dimensions that turn more often than this are kept
  double beta_slow = 1.0;   ///< yarn: those that turn less often are divided whole
  bool truncate = true;     ///< yarn: the ramp between them begins and ends at whole dimensions
  /// yarn, longrope: factor on queries and keys; without it that of the reference.
  std::optional<double> attention_factor;
  std::optional<double> mscale;          ///< yarn: numerator of the attention factor
  std::optional<double> mscale_all_dim;  ///< yarn: its denominator
  /// longrope: divisor of each frequency, up to `original_max_positions` tokens.
  std::vector<double> short_factor;
  std::vector<double> long_factor;  ///< longrope: the same, beyond
};

/// The attention of every block.
struct AttentionSpec {
  std::int64_t n_heads = 0;            ///< query heads
  std::int64_t n_key_value_heads = 0;  ///< fewer than n_heads: grouped-query attention
  std::int64_t d_head = 0;             ///< width of one head
  double scale = 0.0;                  ///< scores are q·k times this (1/sqrt(d_head) in most)
  double score_softcap = 0.0;          ///< cap*tanh(x/cap); 0: none
  bool causal = true;                  ///< a query sees no later key
  std::vector<std::int64_t> windows;   ///< per layer: keys a query sees, itself included; 0: all
  std::vector<double> layer_scale;     ///< per layer factor on `scale`; empty: 1
  std::optional<NormSpec> query_key_norm;  ///< after the projections, before rotary
  bool query_key_norm_whole = false;       ///< over all heads at once (OLMo 2), not each
  /// The stored q, k and v are one matrix, for each key-value head its queries, its key, its value
  /// (GPT-NeoX, BLOOM, Falcon).
  bool fused_by_group = false;

  /// Keys a query of this block sees, itself included; 0: all.
  std::int64_t window(std::int64_t layer) const {
    return windows.empty() ? 0 : windows[static_cast<std::size_t>(layer)];
  }
};

/// Nonlinearity of an MLP.
enum class Activation {
  gelu,        ///< x * Phi(x)
  gelu_tanh,   ///< its approximation with tanh
  quick_gelu,  ///< x * sigmoid(1.702 x)
  relu,        ///< max(x, 0)
  silu,        ///< x * sigmoid(x)
};

/// A mixture of experts routes each position to the experts of highest probability, a softmax over
/// all of them, and adds what these make, weighted by their probabilities made to sum to 1
/// (Mixtral, arXiv:2401.04088).
struct MlpSpec {
  std::int64_t d_mlp = 0;                         ///< of one expert, in a mixture
  Activation activation = Activation::gelu_tanh;  ///< between the projections
  bool gated = false;                             ///< act(gate(x)) * up(x)
  std::int64_t n_experts = 0;                     ///< 0: dense
  std::int64_t experts_per_token = 0;             ///< of a mixture
};

/// A transformer as plain facts: everything the one forward needs to know, nothing about files.
/// Families (`framework/model/families/`) fill it from `config.json`.
struct TransformerSpec {
  std::string family;              ///< `gpt2`, `llama`: the config's model_type
  std::int64_t n_layers = 0;       ///< blocks
  std::int64_t d_model = 0;        ///< width of the residual stream
  std::int64_t vocab_size = 0;     ///< rows of the unembedding
  std::int64_t max_positions = 0;  ///< longest sequence the forward takes

  PositionKind position = PositionKind::learned;  ///< how positions enter
  std::int64_t position_offset = 0;  ///< added to the index into the position table (OPT: 2)
  /// Tokens with this id count as no position and have the one before the first (RoBERTa).
  std::optional<std::int64_t> uncounted_id;
  AlibiSpec alibi;                     ///< for PositionKind::alibi
  std::optional<RopeSpec> rope;        ///< for PositionKind::rotary
  std::optional<RopeSpec> local_rope;  ///< for windowed layers where it differs (Gemma 3)

  NormSpec norm;                                         ///< every norm of the stream
  NormPlacement norm_placement = NormPlacement::before;  ///< where blocks have theirs
  bool parallel_blocks = false;       ///< attention and MLP read the same residual (GPT-J, NeoX)
  bool shared_parallel_norm = false;  ///< parallel, and the MLP reads ln1's output (GPT-J, Phi-2)
  bool embedding_norm = false;        ///< BLOOM, BERT
  std::int64_t token_types = 0;       ///< kinds of segment a token may be of (BERT); 0: none
  /// Width of the token embedding where it is not d_model (OPT-350m): it is projected to d_model,
  /// and the normalised stream back before the unembedding. 0: d_model.
  std::int64_t d_embedding = 0;
  bool final_norm = true;        ///< before the unembedding
  double embedding_scale = 1.0;  ///< Gemma: sqrt(d_model)
  double residual_scale = 1.0;   ///< on each sublayer's output

  AttentionSpec attention;            ///< of every block
  bool attention_bias = true;         ///< biases of the query, key and value projections
  bool attention_output_bias = true;  ///< bias of the output projection
  MlpSpec mlp;                        ///< of every block
  bool mlp_bias = true;               ///< biases of its projections

  bool tied_unembedding = true;        ///< the unembedding is the token embedding
  double logit_scale = 1.0;            ///< multiplies the logits, before the softcap
  double logit_softcap = 0.0;          ///< 0: none
  bool masked_language_model = false;  ///< BERT: bidirectional, scores masked positions
  /// Of the dense layer that a masked-language model has before its final norm.
  Activation head_activation = Activation::gelu;

  /// Width of the token embedding: `d_embedding`, or `d_model` where that is 0.
  std::int64_t embedding_width() const { return d_embedding > 0 ? d_embedding : d_model; }
};

}  // namespace lensbench
