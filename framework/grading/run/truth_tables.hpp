#pragma once

#include <lensbench/spec.hpp>
#include <optional>
#include <vector>

#include "grading/claims/claim.hpp"
#include "grading/claims/claimed_items.hpp"
#include "grading/scores/item_table.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Table of what is true for a claim on a task, without what is claimed; empty if the truth does
/// not say it.
/// \param of_stream  whether the items are places of the stream
std::optional<ItemTable> truth_table(const Truth& truth, const Task& task, const ClaimInfo& claim,
                                     bool of_stream);

/// Sets what was claimed, one list of items a prompt; items that the tool did not name are NaN.
void set_claimed(ItemTable& table, const std::vector<ItemValues>& claimed,
                 const TransformerSpec& spec);

}  // namespace lensbench::grading
