#pragma once

#include <optional>
#include <vector>

#include "grading/claims/claim.hpp"
#include "grading/claims/claimed_items.hpp"
#include "grading/scores/item_table.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Planted features, each to be matched with one that was found; empty if the truth has none. Of
/// activations those alone that differ between tokens of the task.
std::optional<ItemTable> feature_table(const Truth& truth, const Task& task,
                                       const ClaimInfo& claim);

/// Sets how well each planted feature was found, by the best match of planted with found ones:
/// |cosine| of directions; of activations, their correlation over all tokens of the answered
/// prompts.
/// \param claimed  one list of `feature_item` a prompt; empty: the prompt was not answered
void set_matched(ItemTable& table, const Truth& truth, const Task& task, const ClaimInfo& claim,
                 const std::vector<ItemValues>& claimed);

/// The same activations, compared with planted ones of which the tokens are permuted: what is found
/// then does not follow from the tokens.
void set_matched_permuted(ItemTable& table, const Truth& truth, const Task& task,
                          const std::vector<ItemValues>& activations);

/// Sets what a dictionary leaves of the variance of the tokens, from its directions and their
/// activations. A constant that it adds everywhere does not count.
/// \param table  of directions
void set_unexplained(ItemTable& table, const Truth& truth, const Task& task,
                     const std::vector<ItemValues>& directions,
                     const std::vector<ItemValues>& activations);

}  // namespace lensbench::grading
