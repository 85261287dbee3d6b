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

/// Where the positions of an activation stand in their sequences, during a forward. Position `p` of
/// row `b` (real tokens count from 0) is at index `p + padding[b] - first_column` of the axes `pos`
/// and `query_pos`, and at `p + padding[b]` of `key_pos`.
struct SequencePlace {
  std::int64_t first_column = 0;      ///< columns before: those in the cache
  std::int64_t columns = 0;           ///< columns of the activation
  std::vector<std::int64_t> padding;  ///< columns of padding at the left of each row; empty: none
  /// Columns whose end negative positions count from; more may follow (see
  /// `ForwardOptions::prompt_length`).
  std::int64_t prompt_columns = 0;
  bool grows = false;  ///< positions of this sequence may follow in later forwards
};

/// One place in the forward, by its TransformerLens name.
struct HookPoint {
  std::string name;               ///< `blocks.3.attn.hook_pattern`
  std::int64_t layer = -1;        ///< 3; -1 outside the blocks
  std::vector<std::string> dims;  ///< `batch, head, query_pos, key_pos`
  /// Names that mean the same point: `blocks.3.hook_in` for `blocks.3.hook_resid_pre`.
  std::vector<std::string> aliases = {};
  std::shared_ptr<const SequencePlace> place = nullptr;  ///< while a forward runs
};

/// Every hook point of a model, in the order the forward reaches them.
LENSBENCH_API std::vector<HookPoint> hook_points(const TransformerSpec& spec);

/// Name of the point that is the residual stream after `layer` blocks: what the next block and the
/// lens read, and what `ForwardOutput::residual` holds. 0 is the embedding output. It is
/// `blocks.{layer - 1}.hook_resid_post`, or `hook_normalized_resid_post` where a block ends with a
/// norm (BERT). \throws UsageError for a layer outside 0 to n_layers
LENSBENCH_API std::string residual_hook(const TransformerSpec& spec, std::int64_t layer);

/// Points whose name matches a glob (`*` any characters, `?` one, `[..]` a set), in forward order.
/// Names of TransformerBridge (`blocks.3.hook_in`, `blocks.*.mlp.hook_out`) and of `get_act_name`
/// (`resid_post`, `k6`, `scale4ln1`) mean the same points wherever a glob is taken; what was found
/// is always named as here. \throws UsageError naming near misses, or why the point does not exist
/// for this family.
LENSBENCH_API std::vector<HookPoint> match_hook_points(const TransformerSpec& spec,
                                                       std::string_view glob);

/// Sees an activation as it is computed. The tensor is valid after the call but must not be
/// written.
using HookReader = std::function<void(const at::Tensor& activation, const HookPoint& point)>;

/// Returns what the forward goes on with; same shape and dtype. An undefined tensor means
/// unchanged.
using HookReplacer =
    std::function<at::Tensor(const at::Tensor& activation, const HookPoint& point)>;

/// What to read and replace in a forward; each glob must meet a point that runs. Hooks of a point
/// run in the order added: readers see what replacers left. Scales and scores are float32.
class LENSBENCH_API Hooks {
 public:
  /// Calls `reader` at every point that matches.
  Hooks& read(std::string glob, HookReader reader);
  /// Puts what `replacer` returns in the place of every point that matches.
  Hooks& replace(std::string glob, HookReplacer replacer);

  bool empty() const { return entries_.empty(); }  ///< true if nothing was added

  /// One call of `read` or `replace`.
  struct Entry {
    std::string glob;       ///< the points
    HookReader reader;      ///< empty for `replace`
    HookReplacer replacer;  ///< empty for `read`
  };
  const std::vector<Entry>& entries() const { return entries_; }  ///< in the order added

 private:
  std::vector<Entry> entries_;
};

}  // namespace lensbench
