#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Least number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein
/// 1966).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Known names nearest to a mistyped name by edit distance, nearest first, at most `limit`. A name
/// whose distance is more than half the longer length is left out.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t limit = 3);

/// End of a message: `; did you mean 'top_k' or 'target'?` if there are near names, else
/// `; known: a, b, c` with all names.
std::string suggest(std::string_view name, const std::vector<std::string>& known);

/// Items joined by a separator.
std::string join(const std::vector<std::string>& items, std::string_view separator);

}  // namespace lensbench
