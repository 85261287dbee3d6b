#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// What `ResidualGeometry` measures, and on what.
struct ResidualGeometryOptions {
  /// Streams whose spread over tokens is measured: `resid_post` (layers 0 to n_layers; layer 0 is
  /// the embedding), `attn_out`, `mlp_out` (blocks 0 to n_layers - 1).
  std::vector<std::string> points = {"resid_post"};
  std::string text = {};      ///< file that the spread is measured on (`Corpus`); empty: the tokens
  std::int64_t window = 256;  ///< most tokens of a window of the text
  std::int64_t windows = 64;  ///< most windows of the text, chosen at random; 0: all
  bool exclude_first = true;  ///< leave the first token of each document out of the spread
  bool components = true;     ///< parts of the last stream, and what heads write
  std::int64_t principal = 10;          ///< principal directions whose explained variance is listed
  bool store_directions = false;        ///< also the directions themselves
  std::int64_t outliers = 3;            ///< dimensions with the largest share of the squared length
  std::string rank_of = "eigenvalues";  ///< measure of rank: `eigenvalues`, `singular_values`
  /// Matrices whose rows share the stream: `neurons` (output rows of each MLP), `embed`, `unembed`.
  std::vector<std::string> matrices = {};
  /// Another matrix [row, d_model], a tensor file with one tensor (`TensorFile`); empty: none.
  std::string matrix_file = {};
  bool operator==(const ResidualGeometryOptions&) const = default;  ///< compares all fields
};

/// Geometry of the residual stream: what it is made of at each token, how far each block moves it,
/// how its vectors spread over tokens (Ethayarajh 2019, arXiv:1909.00512; Timkey and van Schijndel
/// 2021, arXiv:2109.04404), and how many directions share its dimensions (Elhage et al. 2022,
/// arXiv:2209.10652). Vectors are those of the checkpoint: nothing is centred or folded.
class LENSBENCH_API ResidualGeometry : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Measures a prompt, and the spread of the text's or the prompt's tokens. All in float64, units
  /// `1`.
  ///
  /// - `norm`, `cosine_to_final`, `cosine_to_previous` (NaN: layer 0) [layer, token].
  /// - `movement` [block, token]: |x_(l+1) - x_l| / |x_l|. `write_ratio` [block, token]:
  /// (|attn_out|
  ///   + |mlp_out|) / |x_(l+1) - x_l|, above 1 where they cancel.
  /// - `component_norm`, `component_share`, `component_cosine` [component, token]: of the last
  /// stream
  ///   x; the share x_c · x / |x|² sums to 1 over components.
  /// - `write_share` [block, head, token]: length of a head's output over that of the stream that
  ///   enters the block. Left out where a norm follows attention.
  /// - `rows` int64, `anisotropy`, `anisotropy_centred`, `participation_ratio`, `effective_rank`,
  ///   `total_variance` [layer]; `explained_variance`, `degenerate` int8 [layer, principal];
  ///   `principal_direction` [layer, principal, d_model]; `outlier_dimension` int32,
  ///   `outlier_share` [layer, outlier]. Other points than resid_post have the prefix of their name
  ///   and the axis `block`.
  /// - `neurons_capacity`, `neurons_interference` [block, neuron], `neurons_features_per_dimension`
  ///   [block]; `embed_…`, `unembed_…`, `matrix_…` [vocab or matrix_row], features per dimension
  ///   [].
  ///
  /// Attributes: the options by their names, `pairs` (which pairs of tokens the anisotropy is of).
  /// \throws UsageError for an empty prompt, arguments out of range, a model that normalises its
  ///   stream after each sublayer with `components`, `neurons` of a mixture of experts, a matrix of
  ///   another width; InputError for a file that cannot be read
  virtual Dataset measure(const Tokens& tokens, const ResidualGeometryOptions& options = {}) = 0;
};

}  // namespace lensbench
