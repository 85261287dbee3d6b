#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/spec.hpp>
#include <map>
#include <string>

#include "grading/claims/claim.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Values by item: a component's name, a layer's number, a token's position, `SOURCE>TARGET.SLOT`
/// of an edge, `LAYER,POSITION` of the stream, `FEATURE,PLACE` of a dictionary.
using ItemValues = std::map<std::string, double>;

/// Name of the one item of claims that are about a prompt as a whole.
inline constexpr const char* kWholePrompt = "prompt";
/// Name of an edge: `SOURCE>TARGET.SLOT`.
std::string edge_item(const Edge& edge);
/// Name of an item of the stream.
std::string stream_item(std::int64_t layer, std::int64_t position);

/// Name of a number of a feature: one of its direction, or its activation at a token.
std::string feature_item(std::int64_t feature, std::int64_t place);
/// Name of the item for the selectivity of a layer; the layer has an item of its own.
std::string selectivity_item(std::int64_t layer);

/// Items that one claim of a variable is about, on one prompt.
struct ClaimedItems {
  ItemValues values;
  bool of_stream = false;  ///< items are places of the stream, not components
};

/// Reads the items of a claim: labels chosen by `where`, the asked position on the axis `token`,
/// signs turned where `negated`.
/// \param dataset  result of a tool on one prompt; `variable` is one of its variables
/// \param prompt   the question, with the position that is asked
/// \param task     has the heads whose attention is known
/// \throws UsageError for axes that the claim does not know, or a label that does not exist
ClaimedItems claimed_items(const Dataset& dataset, const Variable& variable, const Claim& claim,
                           const TransformerSpec& spec, const Task& task, std::size_t prompt);

}  // namespace lensbench::grading
