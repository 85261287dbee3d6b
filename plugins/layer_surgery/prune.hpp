#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/tools/layer_surgery.hpp>
#include <string>
#include <vector>

#include "orders.hpp"
#include "variant.hpp"

namespace lensbench::surgery {

/// First Philox stream of the random orders, which have one each.
inline constexpr std::uint64_t kFirstOrderStream = 0x5055;

/// Sets some neurons or heads of a model to zero.
struct PruneMasks {
  bool heads = false;  ///< true: heads (`attn.hook_z`); false: neurons (`mlp.hook_post`)
  std::vector<at::Tensor> pruned;  ///< for each block [part] bool, true: zero; undefined: none
};

/// Last stream of a window with masked parts at zero, from the first block with one.
at::Tensor run_pruned(const Model& model, const Window& window, const PruneMasks& masks);

/// Number of all parts and, for each order, the parts in the order of pruning.
struct Ranking {
  std::vector<std::int64_t> blocks;  ///< the blocks whose parts are ranked
  std::int64_t parts_per_block = 0;
  /// [block index in `blocks` * parts_per_block + part], the first to prune first.
  std::vector<std::int64_t> order;
};

/// Parts ranked by a measure, the smallest first; equal ones by block, then index.
/// \param texts  what activations are measured on
/// \param draw   number of the random order
Ranking ranked(const Model& model, const std::vector<Tokens>& texts, const std::string& by,
               const LayerSurgeryOptions& options, std::uint64_t seed, std::int64_t draw);

/// Number of heads or neurons of a block.
std::int64_t parts_per_block(const TransformerSpec& spec, bool heads);

/// Masks of the first `count` parts of a ranking.
PruneMasks masks_of(const TransformerSpec& spec, const Ranking& ranking, std::int64_t count,
                    bool heads);

/// Number of parts that a share of all is, rounded down.
std::int64_t share_of(double fraction, std::int64_t parts);

/// Names of the random orders: `random 1`, ….
std::string random_name(std::int64_t draw);

/// A variant for each order and share, then for each random order and share.
std::vector<Variant> prune_variants(const SharedModel& model, const std::vector<Tokens>& texts,
                                    const LayerSurgeryOptions& options, std::uint64_t seed);

/// \throws UsageError for arguments that the model cannot be pruned with
void check_prune(const TransformerSpec& spec, const LayerSurgeryOptions& options);

}  // namespace lensbench::surgery
