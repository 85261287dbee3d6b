#pragma once

#include <lensbench/tools/layer_surgery.hpp>
#include <memory>
#include <string>
#include <vector>

#include "variant.hpp"

namespace lensbench::surgery {

using Order = std::vector<SurgeryBlock>;
using SharedModel = std::shared_ptr<const Model>;

/// Index of the first block of an order at which it differs from 0, 1, 2, …
std::int64_t first_change(const Order& order, std::int64_t n_layers);

/// Last stream of a window when the blocks of an order run, each from the stream that the one
/// before it left. Starts at the first change.
/// \param donor  nullptr if no block of the order is the donor's
at::Tensor run_order(const Model& model, const Model* donor, const Window& window,
                     const Order& order);

/// The stream of `window` after all blocks, run one by one from the embedding.
at::Tensor run_block_by_block(const Model& model, const Window& window);

/// Variants of the operations on blocks.
/// \throws UsageError for arguments that do not fit the operation or the model
std::vector<Variant> order_variants(const SharedModel& model, const SharedModel& donor,
                                    SurgeryOperation operation, const LayerSurgeryOptions& options);

/// Blocks of a list of numbers and ranges (`3`, `2-4`, `all`).
/// \throws UsageError for anything else
std::vector<std::int64_t> parse_blocks(const std::vector<std::string>& items);

/// Blocks of a list of numbers, those of the donor with a `d` (`0,1,d2`).
/// \throws UsageError for anything else
Order parse_order(const std::vector<std::string>& items);

/// The chosen blocks, all if none are. \throws UsageError for one that the model lacks
std::vector<std::int64_t> chosen_blocks(const TransformerSpec& spec,
                                        const LayerSurgeryOptions& options);

/// Opens the donor in the type and on the device of the model.
/// \throws UsageError if it does not fit the model
SharedModel open_donor(const Model& model, const std::string& name);

}  // namespace lensbench::surgery
