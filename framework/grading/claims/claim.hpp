#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lensbench::grading {

/// What the items of a claim are, which decides how they are scored.
enum class ClaimFamily {
  effects,       ///< heads, MLPs, attentions, with a truth for each prompt
  probability,   ///< layers, probability of the answer
  rank,          ///< layers, rank of the answer
  layer,         ///< one layer a prompt
  edges,         ///< edges, whose truth is a mean over prompts
  distribution,  ///< tokens, a number of the distribution that each came from
  attention,     ///< heads, attention on one key
  direction,     ///< directions of a dictionary, each matched with a planted one
  activation,    ///< their activations, each matched with that of a planted one
  presence,      ///< layers, how well a variable is read there
  later,         ///< known, but this version does not grade it
};

/// A claim that a tool can make.
struct ClaimInfo {
  const char* name;
  ClaimFamily family;
  const char* truth;    ///< block of truth.json that decides it
  const char* unit;     ///< `logits`, `1`, `any`
  const char* larger;   ///< what a larger value means
  const char* meaning;  ///< one line for people
  /// Table of `EffectTruth` that it is compared with; empty for other families.
  const char* effect;
};

/// All claims, in the order of listings.
const std::vector<ClaimInfo>& known_claims();
/// A claim by its name. \throws UsageError with the nearest names
const ClaimInfo& find_claim(const std::string& name);

/// One claim of a variable: `effect.zero where ablation=zero negated`.
struct Claim {
  std::string name;
  std::vector<std::pair<std::string, std::string>> where = {};  ///< dimension and label
  bool negated = false;  ///< smaller values mean what the claim says of larger ones
};

/// Parses `NAME [where DIM=LABEL]... [negated]`.
/// \param subject  named in messages
/// \throws UsageError for another form or an unknown name
Claim parse_claim(std::string_view text, const std::string& subject);

/// Claims of a variable, from its attribute `claim`: a text or a list of texts; none without it.
/// \throws UsageError under the conditions of `parse_claim`
std::vector<Claim> claims_of(const Variable& variable);

}  // namespace lensbench::grading
