#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <string_view>

namespace lensbench {

/// The token whose logit is asked about at each position.
struct Target {
  /// Which token that is.
  enum class Kind {
    next,   ///< the token that follows in the text; at the last position the model's own choice
    model,  ///< the model's own prediction at that position
    token,  ///< one given token everywhere
  };
  Kind kind = Kind::model;  ///< which token
  std::int64_t id = -1;     ///< for Kind::token

  static Target next() { return {Kind::next, -1}; }                   ///< Kind::next
  static Target model() { return {Kind::model, -1}; }                 ///< Kind::model
  static Target token(std::int64_t id) { return {Kind::token, id}; }  ///< Kind::token
};

/// Reads `next`, `model`, a token id, or the text of one token.
/// \throws UsageError as `parse_token`
LENSBENCH_API Target parse_target(const Model& model, std::string_view text);

/// `next`, `model` or the id, as `parse_target` reads it.
LENSBENCH_API std::string to_string(const Target& target);

}  // namespace lensbench
