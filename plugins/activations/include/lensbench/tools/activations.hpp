#pragma once

#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Element type that `Activations` rounds to.
enum class ActivationStore {
  float32,  ///< exactly, for models of that type
  float16,  ///< half the bytes in an archive, which holds it as float32 of the same values
};

/// Positions that `Activations` keeps.
enum class ActivationPositions {
  all,   ///< every token
  last,  ///< the last token alone, as the query for points over pairs of positions
};

/// What `Activations` reads, and how it keeps it.
struct ActivationsOptions {
  /// Names, aliases or globs of hook points; `!` before one leaves out what it matches.
  std::vector<std::string> hooks = {"blocks.*.hook_resid_post"};
  ActivationStore store = ActivationStore::float32;          ///< what floats are rounded to
  ActivationPositions positions = ActivationPositions::all;  ///< which tokens are kept
};

/// Activations as they are, for decoders and probes outside and for comparing with other programs.
class LENSBENCH_API Activations : public Tool {
 public:
  /// A variable for each hook point, named as the point (`blocks.3.hook_resid_post`), in the order
  /// the forward reaches them.
  ///
  /// Dimensions are the point's own without `batch`: `pos` is `token`; `query_pos` and `key_pos`
  /// are `query_position` and `key_position`. Every axis but `one` has coordinates. Points of
  /// integers stay integers. `unembed.hook_out` holds the logits.
  /// \throws UsageError for no tokens, a name that matches nothing, exclusions that leave nothing,
  ///   a value that float16 cannot hold
  virtual Dataset read(const Tokens& tokens, const ActivationsOptions& options = {}) = 0;
};

}  // namespace lensbench
