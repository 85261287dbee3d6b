#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// What is measured of attention patterns, and what of them is kept.
struct AttentionOptions {
  /// Heads whose patterns are in the result: `all`, or heads such as `L5H1`; empty for none.
  std::vector<std::string> patterns = {"all"};
  /// Most bytes that patterns and rollout of one prompt may take in the result.
  std::int64_t max_pattern_bytes = std::int64_t{64} << 20;
  /// Kinds of heads to look for: any of `previous_token`, `duplicate_token`, `induction`,
  /// `current_token`, `first_token`; empty for none.
  std::vector<std::string> detectors = {"previous_token", "duplicate_token", "induction",
                                        "current_token", "first_token"};
  bool exclude_first = false;    ///< detectors ignore attention to the first token
  bool exclude_current = false;  ///< detectors ignore attention of a token to itself
  std::int64_t top_k = 0;        ///< number of keys to list for each head and query
  /// Flow of information over all blocks: any of `rollout`, `max_flow`.
  std::vector<std::string> flow = {};
  double residual_weight = 0.5;  ///< share of the residual stream in rollout and flow
  std::int64_t position = -1;    ///< where the flow arrives; negative ones count from the end
};

/// Where each attention head looks in one prompt, and how much it resembles known kinds of heads
/// (Olsson et al. 2022, arXiv:2209.11895).
///
/// A is the pattern of one head: row i has the weights with which position i reads the keys j that
/// it sees.
class LENSBENCH_API Attention : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Analyses all heads on one prompt. `block` counts from 0, `token` is the query unless said
  /// otherwise; float64 unless stated otherwise.
  ///
  /// - `eligible_queries` [detector] int64, `best_block`, `best_head` [detector] int32,
  /// `best_score`
  ///   [detector]: rows that have a key of the detector, and the head with the largest score.
  /// - `detector_score` [detector, block, head]: mean over those rows of the weight on the
  ///   detector's keys. `detector_share`: weight on them in all rows, over all weight.
  ///   `detector_match`: 1 - sum |A - M| / n for the mask M of the detector's keys and n rows.
  /// - `entropy` (nats), `normalized_entropy` (by the log of the number of keys that are seen),
  ///   `mean_distance` (sum of A_ij (i - j)), `first_token_mass`, `first_token_weighted_mass`
  ///   (weights times the norm of what the head writes for each key), `special_mass` (keys that are
  ///   special tokens; needs a tokenizer) [block, head, token].
  /// - `received` [block, head, token]: mean weight on this key over the queries that see it.
  /// - `top_key` int32, `top_weight` [block, head, token, rank]: positions of the keys with most
  ///   weight, with `top_k`.
  /// - `pattern` [block, head, query_position, key_position] float32 with `all`, or
  ///   `selected_pattern` [selected_head, query_position, key_position].
  /// - `rollout` [layer, query_position, key_position] and `position_rollout` [layer, token], the
  ///   row at `position`, with flow `rollout`; `max_flow` [token] with flow `max_flow`.
  /// \throws UsageError for an empty prompt, a head or a position that does not exist, an unknown
  /// or
  ///   repeated detector or flow, patterns larger than the limit, or `max_flow` of more than 128
  ///   tokens
  virtual Dataset analyze(const Tokens& tokens, const AttentionOptions& options = {}) = 0;
};

}  // namespace lensbench
