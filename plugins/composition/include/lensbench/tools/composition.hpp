#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// What is computed from the weights of the heads.
struct CompositionOptions {
  /// Inputs through which a head may read another one: any of `q`, `k`, `v`; empty for none.
  std::vector<std::string> modes = {"q", "k", "v"};
  /// Multiply weights that read the stream by the gain and the centring of the norm before them.
  bool fold_norm = true;
  /// Distance from key to query for which a rotary model's QK is taken.
  std::int64_t offset = 0;
  std::int64_t directions = 3;  ///< number of singular directions to list for each head; 0: none
  std::int64_t top_k = 10;      ///< number of tokens for each end of a direction
  /// Token whose embedding is read and whose unembedding is written.
  std::optional<std::int64_t> direction = std::nullopt;
  /// File with a direction [d_model] that is read and written: a safetensors file, or
  /// `ARCHIVE.h5:results/NAME`; the tensor `direction`, or the only one. Excludes `direction`.
  std::string direction_file = {};
  std::int64_t baseline_draws = 100;  ///< number of random pairs of heads, at least 2
};

/// What attention heads can say to each other and to the vocabulary, from weights alone (Elhage et
/// al. 2021, "A Mathematical Framework for Transformer Circuits").
///
/// Vectors of the stream are rows: a head writes x OV with OV = W_V W_O, and the score of query x
/// and key y is x QK yᵀ with QK = W_Q W_Kᵀ. Biases are left out.
class LENSBENCH_API Composition : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Analyses all heads of the model. Float64 unless stated otherwise; `block`, `head` from 0.
  ///
  /// - `composition` [mode, sender_block, sender_head, receiver_block, receiver_head]:
  ///   |OV_1 X|_F / (|OV_1|_F |X|_F) with X = QK_2 (q), QK_2ᵀ (k) or OV_2 (v) of the receiver. NaN
  ///   unless the receiver's block is later and both matrices differ from 0.
  /// - `baseline`, `baseline_mean`, `baseline_sd` [mode]: 1 / sqrt(d_model), and mean and standard
  ///   deviation of the scores of random normal matrices of the same shapes.
  /// - `pair_score` [pair]: the largest scores; the coordinate `pair` names mode and heads.
  /// - `copying_score` [block, head]: sum Re(lambda) / sum |lambda| of the eigenvalues of
  ///   W_E OV W_U, which are `eigenvalue_real`, `eigenvalue_imag` [block, head, eigenvalue].
  ///   `matching_score` [block, head]: the same of W_E QK W_Eᵀ.
  /// - `ov_norm`, `qk_norm` [block, head]: Frobenius norms.
  /// - `singular_value`, `degenerate` (int8) [circuit, block, head, direction], with `directions`.
  /// - `input_top_id`, `output_top_id` (int32) and `..._value` [block, head, direction, sign,
  /// rank]:
  ///   tokens whose embedding OV reads most along a direction, and whose logit it then raises.
  ///   `query_top_id`, `key_top_id` and `..._value`: tokens at both ends of a direction of QK.
  /// - `read_q`, `write` [block, head], `read_k`, `read_v` [block, kv_head], with a direction d:
  ///   |d W_Q| / |d|, |OV dᵀ| / |d|, |d W_K| / |d|, |d W_V| / |d|.
  /// \throws UsageError for an unknown or repeated mode, a negative number, a token outside the
  ///   vocabulary, both directions, an offset in a model that does not rotate queries and keys
  virtual Dataset analyze(const CompositionOptions& options = {}) = 0;
};

}  // namespace lensbench
