#pragma once

#include <cstddef>
#include <lensbench/export.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known names closest to a mistyped one by edit distance, best first, at most `limit`; names
/// further than half their length are left out.
LENSBENCH_API std::vector<std::string> nearest_names(std::string_view name,
                                                     const std::vector<std::string>& known,
                                                     std::size_t limit = 3);

/// `; did you mean 'top_k' or 'target'?` when some are near, else `; known: a, b, c` (all of them).
LENSBENCH_API std::string suggest(std::string_view name, const std::vector<std::string>& known);

/// Items joined by a separator.
LENSBENCH_API std::string join(const std::vector<std::string>& items, std::string_view separator);

}  // namespace lensbench
