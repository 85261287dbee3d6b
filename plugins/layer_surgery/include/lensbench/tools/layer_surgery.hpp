#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

/// What `LayerSurgery` changes in the model.
enum class SurgeryOperation {
  delete_block,  ///< leaves out one block: a variant for each of `blocks`
  swap,     ///< exchanges a block with the next one: a variant for each of `blocks` but the last
  repeat,   ///< runs a block twice: a variant for each of `blocks`
  reverse,  ///< runs the blocks from the first to the last of `blocks` in reverse: one variant
  permute,  ///< runs the blocks of `order`, of any number: one variant
  donor,    ///< takes a block of another model: a variant for each of `blocks`
  merge_heads,  ///< mixes two heads of a block into one: two variants for each pair of `heads`
  prune,        ///< sets neurons or heads to zero: a variant for each of `by` and `fractions`
};

/// A block of an order: the block with that index, of the model or of the donor.
struct SurgeryBlock {
  std::int64_t index = 0;                                ///< from 0
  bool donor = false;                                    ///< whether it is a block of the donor
  bool operator==(const SurgeryBlock&) const = default;  ///< compares both fields
};

/// An attention head.
struct SurgeryHead {
  std::int64_t block = 0;                               ///< from 0
  std::int64_t head = 0;                                ///< from 0
  bool operator==(const SurgeryHead&) const = default;  ///< compares both fields
};

/// Arguments of the operations, and the text.
struct LayerSurgeryOptions {
  std::vector<std::int64_t> blocks = {};  ///< block indices; empty: all
  std::vector<SurgeryBlock> order = {};   ///< order of the blocks for `permute`
  std::string donor = {};                 ///< directory or hub name of the donor
  /// Pairs i, j of `merge_heads`, both in one block.
  std::vector<std::pair<SurgeryHead, SurgeryHead>> heads = {};
  double alpha = 0.5;             ///< part of head i in the mixture, 0 to 1
  std::string parts = "neurons";  ///< what `prune` sets to zero: `neurons`, `heads`
  /// Orders of `prune`, the smallest first: `frequency`, `weight_norm`, `contribution`, `random`.
  std::vector<std::string> by = {"frequency"};
  std::vector<double> fractions = {0.1, 0.25, 0.5, 0.75};  ///< shares of all parts, above 0 up to 1
  std::int64_t draws = 3;     ///< random orders that `prune` compares with
  std::string text = {};      ///< file that the loss is measured on (`Corpus`); empty: the tokens
  std::int64_t window = 256;  ///< most tokens of a window of the text
  std::int64_t windows = 64;  ///< most windows of the text, chosen at random; 0: all
  bool operator==(const LayerSurgeryOptions&) const = default;  ///< compares all fields
};

/// Runs a model with its blocks taken out, exchanged, repeated, reordered or taken from another
/// model, with heads merged, or with neurons or heads set to zero, and measures what breaks
/// (Veit et al. 2016, arXiv:1605.06431; Lad et al. 2024, arXiv:2406.19384; Men et al. 2024,
/// arXiv:2403.03853).
///
/// A block keeps the settings that belong to its index (attention window, rotary frequencies, scale
/// of the scores) wherever it runs. A variant starts at its first changed block, from the stream of
/// the unchanged model.
class LENSBENCH_API LayerSurgery : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Runs all variants of an operation.
  ///
  /// - `loss`, `loss_increase` (nats), `mean_kl` (nats), `agreement` [variant]: mean cross-entropy
  /// of
  ///   the token that follows, its difference to the unchanged model, mean KL(model || variant),
  ///   and the share of positions with the same first choice. `whole_loss` [].
  /// - `loss_increase_interval` [variant, bound], nats: 95 % bootstrap over windows; only with
  /// `text`.
  /// - `cross_entropy` (NaN: last token), `kl` (nats), `agrees` int8 [variant, token],
  ///   `whole_cross_entropy` [token]: only without `text`.
  /// - `block_influence` [block]: 1 minus the mean cosine of the streams before and after a block
  /// of
  ///   the unchanged model.
  /// - `loss_increase_by_place` [place], nats: mean over the variants that change one block, for
  /// the
  ///   first block, the last, and those between.
  /// - `pruned_loss` [by, fraction], `random_pruned_loss` [draw, fraction] (nats), `pruned_parts`
  ///   [fraction]: of `prune`.
  /// - `donor_embedding_cosine` []: mean cosine of the token embeddings of model and donor; NaN for
  ///   vocabularies of different size.
  ///
  /// Coordinates of `variant`: its label, `first_changed_block`, `variant_place`. Attributes: the
  /// options by their names, `tokens_scored`, `weight_changes` (merge_heads).
  /// \param tokens     the prompt; used only without `text`
  /// \param operation  what to change
  /// \param options    arguments of the operation, and the text
  /// \throws UsageError for arguments that do not fit the operation or the model, a donor of
  ///   another width, heads that share keys and values with others, a mixture whose neurons are to
  ///   be pruned, a masked-language model; InputError for a text that cannot be read
  virtual Dataset operate(const Tokens& tokens, SurgeryOperation operation,
                          const LayerSurgeryOptions& options = {}) = 0;
};

}  // namespace lensbench
