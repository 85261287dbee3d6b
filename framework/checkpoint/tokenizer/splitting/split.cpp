#include <algorithm>

#include "checkpoint/tokenizer/splitting/pre_tokenizer.hpp"

// Split by a pattern, with the five behaviours of Hugging Face tokenizers.

namespace lensbench {
namespace {

struct Section {
  Span range;
  bool match;
};

/// Splits a text into matches and the sections between them, which cover it without gaps.
std::vector<Section> sections_of(std::string_view text, const Pattern& pattern, bool invert) {
  std::vector<Section> sections;
  std::size_t end = 0;
  pattern.find_all(text, [&](Span match) {
    if (match.begin > end) sections.push_back({{end, match.begin}, invert});
    sections.push_back({match, !invert});
    end = match.end;
  });
  if (end < text.size()) sections.push_back({{end, text.size()}, invert});
  return sections;
}

/// Joins each section for which `joins(previous_is_match, is_match)` is true to the previous
/// section.
template <class Joins>
std::vector<Section> join_sections(const std::vector<Section>& sections, Joins joins) {
  std::vector<Section> joined;
  bool previous = false;
  for (const Section& section : sections) {
    if (!joined.empty() && joins(previous, section.match))
      joined.back().range = {std::min(joined.back().range.begin, section.range.begin),
                             std::max(joined.back().range.end, section.range.end)};
    else
      joined.push_back(section);
    previous = section.match;
  }
  return joined;
}

/// Sections as parts: all behaviours but `removed` keep the whole text.
std::vector<Section> arrange(std::vector<Section> sections, SplitBehavior behavior) {
  const auto match_after_other = [](bool previous, bool match) { return match && !previous; };
  switch (behavior) {
    case SplitBehavior::removed:
      std::erase_if(sections, [](const Section& section) { return section.match; });
      return sections;
    case SplitBehavior::isolated:
      return sections;
    case SplitBehavior::contiguous:
      return join_sections(sections, [](bool previous, bool match) { return previous == match; });
    case SplitBehavior::merged_with_previous:
      return join_sections(sections, match_after_other);
    case SplitBehavior::merged_with_next:
      // The reverse of the reversed order: joined to the next section instead of the previous one.
      std::ranges::reverse(sections);
      sections = join_sections(sections, match_after_other);
      std::ranges::reverse(sections);
      return sections;
  }
  return sections;
}

}  // namespace

void Split::apply(Pieces& pieces) const {
  split_parts(pieces, [&](std::string_view text, auto add) {
    for (const Section& section : arrange(sections_of(text, *pattern_, invert_), behavior_))
      add(section.range);
  });
}

}  // namespace lensbench
