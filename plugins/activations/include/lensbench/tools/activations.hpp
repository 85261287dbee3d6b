#pragma once

#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Element type that `Activations` rounds to.
enum class ActivationStore {
  float32,  ///< exact for float32 models
  float16,  ///< half the bytes in an archive, stored as float32 of the rounded values
};

/// Positions that `Activations` keeps.
enum class ActivationPositions {
  all,   ///< every token
  last,  ///< only the last token; at points over pairs of positions, the last query
};

/// Hook points that `Activations` reads, and the form in which it keeps them.
struct ActivationsOptions {
  /// Names, aliases or globs of hook points; a leading `!` excludes the points that match.
  std::vector<std::string> hooks = {"blocks.*.hook_resid_post"};
  ActivationStore store = ActivationStore::float32;  ///< element type that floats are rounded to
  ActivationPositions positions = ActivationPositions::all;  ///< positions to keep
};

/// Raw activations, for external decoders and probes and for comparison with other programs.
class LENSBENCH_API Activations : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Reads the activations of a prompt: one variable for each hook point, named like the point
  /// (`blocks.3.hook_resid_post`), in forward order.
  ///
  /// Dimensions are those of the hook point without `batch`; `pos` becomes `token`, `query_pos` and
  /// `key_pos` become `query_position` and `key_position`. Every axis but `one` has coordinates.
  /// Rows of a vision tower are in the order of the picture, frame by frame and row by row, with
  /// picture, frame, row and column as labels of `patch` (`patch_row`) and `image_token`.
  /// Integer activations stay integers. `unembed.hook_out` holds the logits. Attributes: the
  /// options by their names.
  /// \throws UsageError for an empty prompt, a name without a match, exclusions that leave nothing,
  ///   a value that float16 cannot hold, scores and patterns of a vision tower
  virtual Dataset read(const Tokens& tokens, const ActivationsOptions& options = {}) = 0;
};

}  // namespace lensbench
