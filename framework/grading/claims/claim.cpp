#include "grading/claims/claim.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>

#include "core/text/suggest.hpp"

namespace lensbench::grading {
namespace {

constexpr const char* kForm = "expected NAME [where DIM=LABEL]... [negated]";

}  // namespace

const std::vector<ClaimInfo>& known_claims() {
  using enum ClaimFamily;
  static const std::vector<ClaimInfo> all = {
      {"readout.probability", probability, "readout.probability", "1", "more probable",
       "probability of the answer that the model's own head reads from the stream of a layer", ""},
      {"readout.rank", rank, "readout.rank", "1", "worse",
       "rank of the answer that the model's own head reads from the stream of a layer", ""},
      {"readout.layer", layer, "readout.first_correct_layer", "1", "later",
       "layer from which the answer stays first", ""},
      {"readout.translated", later, "readout.answer_layer", "1", "more probable",
       "the same through anything that was trained", ""},
      {"effect.dla", effects, "effects.dla", "logits", "supports the answer",
       "direct contribution of a component, with the scale of the final norm kept", "dla"},
      {"effect.direct", effects, "effects.direct", "logits", "supports the answer",
       "what the metric loses when the component's own write to the logits is exchanged", "direct"},
      {"effect.noise", effects, "effects.total", "logits", "supports the answer",
       "what the metric of the clean run loses when the component is exchanged", "total"},
      {"effect.denoise", effects, "effects.restore, restore_grid", "logits", "supports the answer",
       "what the metric of the corrupted run gains when the component is put back", "restore"},
      {"effect.zero", effects, "effects.zero", "logits", "supports the answer",
       "what the metric loses when the component writes zeros", "zero"},
      {"effect.mean", effects, "effects.mean", "logits", "supports the answer",
       "what the metric loses when the component writes its mean over the prompts", "mean"},
      {"effect.mean_of_prompt", effects, "effects.mean_of_prompt", "logits", "supports the answer",
       "what the metric loses when the component writes its mean over the prompt",
       "mean_of_prompt"},
      {"effect.total", effects, "effects.total", "any", "supports the answer",
       "an estimate of effect.noise, on any scale", "total"},
      {"importance", effects, "membership", "any", "more important, by size",
       "any score by which components are ranked", "total"},
      {"edge.importance", edges, "edges", "any", "more important, by size",
       "any score by which edges are ranked", ""},
      {"edge.noise", edges, "edges.total", "logits", "supports the answer",
       "what the metric loses when one edge is exchanged", ""},
      {"distribution.entropy", distribution, "distribution.entropy", "nats", "less certain",
       "entropy of the distribution that each token came from", ""},
      {"distribution.probability", distribution, "distribution.probability", "1", "more probable",
       "probability of each token", ""},
      {"distribution.surprisal", distribution, "distribution.surprisal", "nats", "less probable",
       "negative logarithm of the probability of each token", ""},
      {"attention.source", attention, "attention", "1", "more attention",
       "attention pattern of a head", ""},
      {"presence", presence, "variables", "1", "more certain",
       "how well a variable is read from the stream of a layer", ""},
      {"variable.location", later, "variables", "any", "more certain",
       "where an exchange moves a variable", ""},
      {"feature.direction", direction, "features.direction", "any", "",
       "directions of the stream that stand for features", ""},
      {"feature.activation", activation, "features.token_activation", "any", "more active",
       "activations of features", ""}};
  return all;
}

const ClaimInfo& find_claim(const std::string& name) {
  const auto& all = known_claims();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const ClaimInfo& claim) { return claim.name == name; });
  if (found != all.end()) return *found;
  std::vector<std::string> names;
  for (const ClaimInfo& claim : all) names.emplace_back(claim.name);
  throw UsageError("claim '" + name + "': is not known" + suggest(name, names));
}

Claim parse_claim(std::string_view text, const std::string& subject) {
  std::istringstream words{std::string(text)};
  const auto fail = [&](const std::string& problem) {
    throw UsageError(subject + ": claim '" + std::string(text) + "': " + problem + "; " + kForm);
  };
  Claim claim;
  words >> claim.name;
  if (claim.name.empty()) fail("has no name");
  try {
    find_claim(claim.name);
  } catch (const UsageError& error) {
    throw UsageError(subject + ": " + error.what());
  }
  for (std::string word; words >> word;) {
    if (claim.negated) fail("has text after 'negated'");
    if (word == "negated") {
      claim.negated = true;
      continue;
    }
    if (word != "where") fail("has the word '" + word + "'");
    std::string condition;
    words >> condition;
    const auto equals = condition.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == condition.size())
      fail("'where' is followed by '" + condition + "'");
    claim.where.emplace_back(condition.substr(0, equals), condition.substr(equals + 1));
  }
  return claim;
}

std::vector<Claim> claims_of(const Variable& variable) {
  std::vector<Claim> claims;
  const auto found = variable.attributes.find("claim");
  if (found == variable.attributes.end()) return claims;
  const std::string subject = "variable '" + variable.name + "'";
  if (const auto* text = std::get_if<std::string>(&found->second))
    claims.push_back(parse_claim(*text, subject));
  else if (const auto* list = std::get_if<std::vector<std::string>>(&found->second))
    for (const std::string& item : *list) claims.push_back(parse_claim(item, subject));
  else
    throw UsageError(subject + ": attribute 'claim' is a number; give a text or a list of texts");
  return claims;
}

}  // namespace lensbench::grading
