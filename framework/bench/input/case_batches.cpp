#include "bench/input/case_batches.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "bench/case_input.hpp"

namespace lensbench {
namespace {

/// Most cases of a batch: products of so many short prompts reach the speed of long ones.
constexpr std::int64_t kMostCases = 32;

/// Padding beyond this part of the columns costs more than a batch saves.
constexpr std::int64_t kColumnsPerThreeTokens = 4;

/// Models whose rotary angles depend on the longest sequence of a batch.
bool depends_on_batch(const TransformerSpec& spec) {
  return spec.rope && (spec.rope->scaling == RopeSpec::Scaling::dynamic ||
                       spec.rope->scaling == RopeSpec::Scaling::longrope);
}

/// Tokens of a case; 0 if it fails when it runs.
std::int64_t length_of(const CaseInput& input, const Context& context) {
  try {
    const std::int64_t length = tokens_of(input, context).size();
    return length <= position_limit(context.model().spec()) ? length : 0;
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> form_batches(
    const std::vector<std::int64_t>& lengths, std::int64_t most_columns) {
  std::vector<std::pair<std::int64_t, std::int64_t>> batches;
  std::int64_t first = 0, longest = 0, tokens = 0;
  for (std::int64_t i = 0; i < std::ssize(lengths); ++i) {
    const std::int64_t length = lengths[static_cast<std::size_t>(i)];
    const std::int64_t with = std::max(longest, length), cases = i + 1 - first;
    const bool fits =
        cases == 1 ||
        (length > 0 && longest > 0 && cases <= kMostCases && cases * with <= most_columns &&
         3 * cases * with <= kColumnsPerThreeTokens * (tokens + length));
    if (!fits) {
      batches.emplace_back(first, i);
      first = i;
      tokens = 0;
    }
    longest = fits ? with : length;
    tokens += length;
  }
  if (!lengths.empty()) batches.emplace_back(first, std::ssize(lengths));
  return batches;
}

std::int64_t most_batch_columns(const TransformerSpec& spec) {
  constexpr std::int64_t kMost = 512, kElements = std::int64_t{1} << 23;
  return std::clamp<std::int64_t>(
      kElements / std::max<std::int64_t>(1, spec.n_layers * spec.d_model), 1, kMost);
}

CaseBatches::CaseBatches(const std::vector<CaseInput>& cases, const Context& context, bool active)
    : cases_(cases), context_(context) {
  const TransformerSpec& spec = context.model().spec();
  if (!active || cases.size() < 2 || depends_on_batch(spec)) return;
  std::vector<std::int64_t> lengths;
  lengths.reserve(cases.size());
  for (const CaseInput& input : cases) lengths.push_back(length_of(input, context));
  ranges_ = form_batches(lengths, most_batch_columns(spec));
}

const CaseBatch* CaseBatches::of(std::int64_t index) {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), index,
                       [](std::int64_t wanted, const auto& range) { return wanted < range.first; });
  if (after == ranges_.begin()) return nullptr;
  const auto [first, end] = *std::prev(after);
  if (end - first < 2) return nullptr;
  if (current_.first != first) {
    current_ = {first, {}};
    for (std::int64_t i = first; i < end; ++i)
      current_.sequences.push_back(tokens_of(cases_[static_cast<std::size_t>(i)], context_));
  }
  return &current_;
}

}  // namespace lensbench
