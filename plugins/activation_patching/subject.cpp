#include "subject.hpp"

#include <lensbench/error.hpp>
#include <lensbench/metric.hpp>
#include <set>

namespace lensbench::tracing {
namespace {

/// Byte at which the subject starts.
std::size_t start_of(const Tokens& tokens, const std::string& subject) {
  if (tokens.text.empty())
    throw UsageError(
        "causal_tracing: subject '" + subject +
        "' is a text, but the prompt was given as ids; set subject_tokens to its positions");
  const std::size_t first = tokens.text.find(subject);
  if (first == std::string::npos)
    throw UsageError("causal_tracing: subject '" + subject + "' does not occur in the prompt '" +
                     tokens.text + "'; give a text inside the prompt, or subject_tokens");
  if (tokens.text.find(subject, first + 1) == std::string::npos) return first;
  throw UsageError("causal_tracing: subject '" + subject +
                   "' occurs more than once in the prompt '" + tokens.text +
                   "'; set subject_tokens to the positions that are meant");
}

}  // namespace

std::vector<std::int64_t> subject_positions(const Model& model, const Tokens& tokens,
                                            const std::string& subject) {
  const std::size_t begin = start_of(tokens, subject), end = begin + subject.size();
  const auto tokenizer = model.tokenizer();
  if (!tokenizer)
    throw UsageError("causal_tracing: the model lacks a tokenizer; set subject_tokens");
  // Tokens do not keep their places in the text, so it is encoded again.
  const Encoding encoding = tokenizer->encode(tokens.text);
  // `to_tokens` may add or leave out a BOS at the front.
  const auto shift = tokens.size() - static_cast<std::int64_t>(encoding.ids.size());
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < encoding.offsets.size(); ++i) {
    const auto [from, to] = encoding.offsets[i];
    // Overlap, since a token may begin before the subject, for instance with its leading space.
    if (!encoding.special[i] && from < end && to > begin)
      positions.push_back(static_cast<std::int64_t>(i) + shift);
  }
  return checked_subject(positions, tokens.size());
}

std::vector<std::int64_t> checked_subject(const std::vector<std::int64_t>& given,
                                          std::int64_t length) {
  std::set<std::int64_t> positions;
  for (const std::int64_t position : given)
    positions.insert(resolve_position("causal_tracing", position, length));
  if (positions.empty())
    throw UsageError(
        "causal_tracing: the subject has 0 tokens; set subject (a text inside the prompt) or "
        "subject_tokens (positions)");
  return {positions.begin(), positions.end()};
}

/// The text is tokenized anew, so the number of tokens may change; PairedRuns compares it.
Tokens with_subject_replaced(const Model& model, const Tokens& tokens, const std::string& subject,
                             const std::string& replacement) {
  std::string text = tokens.text;
  text.replace(start_of(tokens, subject), subject.size(), replacement);
  return to_tokens(model, text);
}

}  // namespace lensbench::tracing
