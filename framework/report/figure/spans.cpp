#include "report/figure/spans.hpp"

#include <ATen/ops/cat.h>

#include <cstddef>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "report/figure/scale.hpp"

namespace lensbench::figure {
namespace {

void keep(Slice& slice, std::size_t axis, std::size_t first, std::size_t count) {
  slice.values =
      slice.values.narrow(static_cast<std::int64_t>(axis), static_cast<std::int64_t>(first),
                          static_cast<std::int64_t>(count));
  const auto cut = [&](auto& list) {
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(first + count), list.end());
    list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(first));
  };
  cut(slice.axes[axis].labels);
  cut(slice.axes[axis].numbers);
}

/// Keeps the indices whose numbers are within a span. Numbers of layers and positions increase.
void keep_span(Slice& slice, std::size_t axis, const Span& span, const std::string& option) {
  const auto& numbers = slice.axes[axis].numbers;
  std::size_t first = 0, end = numbers.size();
  while (first < end && numbers[first] < static_cast<double>(span.first)) ++first;
  while (end > first && numbers[end - 1] > static_cast<double>(span.last)) --end;
  const auto sentence = [&] {
    return option + " " + std::to_string(span.first) + ":" +
           (span.last == kNoEnd ? "" : std::to_string(span.last)) + ": the variable has " +
           words_of(slice.axes[axis].dim) + " " + decimal(numbers.front(), 0) + " to " +
           decimal(numbers.back(), 0);
  };
  if (first == end) throw UsageError(sentence());
  if (span.last != kNoEnd && static_cast<double>(span.last) > numbers.back())
    slice.notes.push_back(sentence() + "; the figure ends there");
  keep(slice, axis, first, end - first);
}

/// Puts the indices of another part of the same slice after those of an axis.
void append_part(Slice& slice, std::size_t axis, const Slice& part) {
  slice.values = at::cat({slice.values, part.values}, static_cast<std::int64_t>(axis));
  const auto add = [](auto& list, const auto& more) {
    list.insert(list.end(), more.begin(), more.end());
  };
  add(slice.axes[axis].labels, part.axes[axis].labels);
  add(slice.axes[axis].numbers, part.axes[axis].numbers);
  slice.notes = part.notes;
}

/// Keeps the indices whose numbers are within one of several spans, which are in order.
void keep_spans(Slice& slice, std::size_t axis, const std::vector<Span>& spans,
                const std::string& option) {
  Slice whole = slice;
  keep_span(slice, axis, spans.front(), option);
  for (std::size_t i = 1; i < spans.size(); ++i) {
    whole.notes = slice.notes;
    Slice part = whole;
    keep_span(part, axis, spans[i], option);
    append_part(slice, axis, part);
  }
}

}  // namespace

void apply_spans(Slice& slice, const Request& request) {
  bool layers = false, tokens = false;
  for (std::size_t axis = 0; axis < slice.axes.size(); ++axis) {
    const std::string& dim = slice.axes[axis].dim;
    if (request.layers && is_layer(dim))
      keep_span(slice, axis, *request.layers, "--layers"), layers = true;
    else if (!request.tokens.empty() && (dim == "token" || is_query_or_key(dim)))
      keep_spans(slice, axis, request.tokens, "--tokens"), tokens = true;
  }
  const auto lacks = [&](const char* option, const char* what) {
    throw UsageError(request.variable + ": it does not have a dimension of " + what + "; leave " +
                     option + " out");
  };
  if (request.layers && !layers) lacks("--layers", "layers or blocks");
  if (!request.tokens.empty() && !tokens) lacks("--tokens", "tokens");
}

}  // namespace lensbench::figure
