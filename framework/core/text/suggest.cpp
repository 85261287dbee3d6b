#include "core/text/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lensbench {

/// One row of the matrix of Wagner and Fischer (1974) at a time: O(|a| |b|) steps, O(|b|) memory.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      // `diagonal` is the value left of and above the current one, which `row[j]` has overwritten.
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t limit) {
  // The edit distance takes quadratic time, which a hostile name of megabytes must not cause.
  if (name.size() > 256) return {};
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    // A name that differs in more than half of its letters would only confuse.
    if (2 * distance <= std::max(name.size(), candidate.size()))
      near.emplace_back(distance, candidate);
  }
  // Stable: of equally near names, the one declared first comes first.
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (near.size() > limit) near.resize(limit);
  std::vector<std::string> names;
  for (auto& [distance, candidate] : near) names.push_back(std::move(candidate));
  return names;
}

std::string suggest(std::string_view name, const std::vector<std::string>& known) {
  const auto near = nearest_names(name, known);
  if (!near.empty()) return "; did you mean '" + join(near, "' or '") + "'?";
  if (known.empty()) return "; there are none";
  return "; known: " + join(known, ", ");
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

}  // namespace lensbench
