#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/spec.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Mapping from positions in a sequence to indices of an activation, during a forward. Position `p`
/// of row `b` (counting real tokens from 0) has index `p + padding[b] - first_column` on the axes
/// `pos` and `query_pos`, and index `p + padding[b]` on `key_pos`.
struct SequencePlace {
  std::int64_t first_column = 0;      ///< number of earlier columns, held in the cache
  std::int64_t columns = 0;           ///< number of columns of the activation
  std::vector<std::int64_t> padding;  ///< padding columns at the left of each row; empty: none
  /// Number of columns from whose end negative positions count; more columns may follow (see
  /// `ForwardOptions::prompt_length`).
  std::int64_t prompt_columns = 0;
  bool grows = false;  ///< true if later forwards may continue this sequence
};

/// Point of the forward where an activation can be read or replaced, by its TransformerLens name.
struct HookPoint {
  std::string name;               ///< `blocks.3.attn.hook_pattern`
  std::int64_t layer = -1;        ///< block index, here 3; -1 outside the blocks
  std::vector<std::string> dims;  ///< `batch, head, query_pos, key_pos`
  /// Names that mean the same point: `blocks.3.hook_in` for `blocks.3.hook_resid_pre`.
  std::vector<std::string> aliases = {};
  std::shared_ptr<const SequencePlace> place = nullptr;  ///< set while a forward runs
};

/// Every hook point of a model, in the order the forward reaches them.
LENSBENCH_API std::vector<HookPoint> hook_points(const TransformerSpec& spec);

/// Name of the hook point of the residual stream after `layer` blocks, which the next block and the
/// lens read and `ForwardOutput::residual` holds. Layer 0 is the embedding output; layer `n` is
/// `blocks.{n - 1}.hook_resid_post`, or `hook_normalized_resid_post` where a block ends with a norm
/// (BERT). \throws UsageError for a layer outside 0 to n_layers
LENSBENCH_API std::string residual_hook(const TransformerSpec& spec, std::int64_t layer);

/// Hook points whose name matches a glob (`*` any characters, `?` one, `[..]` a set), in forward
/// order. A glob may also be a name of TransformerBridge (`blocks.3.hook_in`,
/// `blocks.*.mlp.hook_out`) or of `get_act_name` (`resid_post`, `k6`, `scale4ln1`); the returned
/// points have their TransformerLens names. \throws UsageError for a glob without a match, with the
/// nearest names or the reason why this family lacks the point
LENSBENCH_API std::vector<HookPoint> match_hook_points(const TransformerSpec& spec,
                                                       std::string_view glob);

/// Callback that receives an activation when it is computed. The tensor stays valid after the call
/// but must not be modified.
using HookReader = std::function<void(const at::Tensor& activation, const HookPoint& point)>;

/// Callback that returns the tensor to continue the forward with, of the same shape and dtype. An
/// undefined tensor leaves the activation unchanged.
using HookReplacer =
    std::function<at::Tensor(const at::Tensor& activation, const HookPoint& point)>;

/// Readers and replacements for a forward; each glob must match a hook point that runs. Hooks of
/// one point run in the order added, so a reader sees the results of earlier replacements. Scales
/// and scores are float32.
class LENSBENCH_API Hooks {
 public:
  /// Calls `reader` at every hook point that matches `glob`.
  Hooks& read(std::string glob, HookReader reader);
  /// Replaces every activation that matches `glob` by the result of `replacer`.
  Hooks& replace(std::string glob, HookReplacer replacer);

  bool empty() const { return entries_.empty(); }  ///< true if nothing was added

  /// One call of `read` or `replace`.
  struct Entry {
    std::string glob;       ///< name or glob of hook points
    HookReader reader;      ///< empty for `replace`
    HookReplacer replacer;  ///< empty for `read`
  };
  const std::vector<Entry>& entries() const { return entries_; }  ///< hooks in the order added

 private:
  std::vector<Entry> entries_;
};

}  // namespace lensbench
