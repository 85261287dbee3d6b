#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <string_view>

namespace lensbench {

/// Token whose logit is analysed at each position.
struct Target {
  /// Rule that selects the token.
  enum class Kind {
    next,   ///< the next token of the text; at the last position the model's own prediction
    model,  ///< the model's own prediction at that position
    token,  ///< one given token at all positions
  };
  Kind kind = Kind::model;  ///< rule that selects the token
  std::int64_t id = -1;     ///< token id for Kind::token

  static Target next() { return {Kind::next, -1}; }                   ///< target of Kind::next
  static Target model() { return {Kind::model, -1}; }                 ///< target of Kind::model
  static Target token(std::int64_t id) { return {Kind::token, id}; }  ///< target of Kind::token
};

/// Reads `next`, `model`, a token id, or the text of one token.
/// \throws UsageError under the conditions of `parse_token`
LENSBENCH_API Target parse_target(const Model& model, std::string_view text);

/// Text that `parse_target` reads: `next`, `model` or the id.
LENSBENCH_API std::string to_string(const Target& target);

}  // namespace lensbench
