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

/// Part of a picture to which a row of an activation of a vision tower belongs: a patch, or a token
/// that is made of a square of patches.
struct PicturePart {
  std::int64_t sequence = 0;  ///< row of the batch
  /// Number among the parts of all pictures of the sequence, in the order of `PictureRows::rows`.
  std::int64_t number = 0;
  std::int64_t picture = 0;  ///< picture of the sequence, counted from 0
  std::int64_t frame = 0;    ///< pair of frames of a video; 0 for a picture
  std::int64_t row = 0;      ///< counted from the top of the picture, in patches or in tokens
  std::int64_t column = 0;   ///< counted from the left, in the same unit

  bool operator==(const PicturePart&) const = default;  ///< true if all fields are equal
};

/// Point of the forward where an activation can be read or replaced, by its TransformerLens name.
struct HookPoint {
  std::string name;         ///< `blocks.3.attn.hook_pattern`
  std::int64_t layer = -1;  ///< block index (of model or tower), here 3; -1 outside the blocks
  std::vector<std::string> dims;  ///< `batch, head, query_pos, key_pos`
  /// Names that mean the same point: `blocks.3.hook_in` for `blocks.3.hook_resid_pre`.
  std::vector<std::string> aliases = {};

 private:
  friend struct HookAccess;
  std::shared_ptr<const struct SequencePlace> place_ = nullptr;  ///< set while a forward runs
};

/// Positions of the tokens of one row of a batch in an activation.
struct RowPositions {
  /// Position of index 0 on the axis `pos` or `query_pos`; negative: that many padding columns come
  /// first.
  std::int64_t first = 0;
  std::int64_t prompt = 0;  ///< number of tokens of the prompt; tokens from there on are generated
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

/// Name under which a cache holds an activation: that of its point, and for scores and patterns of
/// a vision tower, of which a forward has one for each segment, also the segment:
/// `vision_encoder.blocks.0.attn.hook_pattern#3`.
LENSBENCH_API std::string activation_name(const HookPoint& point);

/// Callback that receives an activation when it is computed. The tensor stays valid after the call
/// but must not be modified.
using HookReader = std::function<void(const at::Tensor& activation, const HookPoint& point)>;

/// Positions of a row of the batch in the activation that a callback received. A forward that
/// continues a cached sequence has the later positions only.
/// \param point  point that the callback received
/// \param row    row of the batch
/// \throws UsageError for a point that no running forward gave, for points of a vision tower, of
///   routers and of experts, and for a row outside of a padded batch
LENSBENCH_API RowPositions row_positions(const HookPoint& point, std::int64_t row = 0);

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
