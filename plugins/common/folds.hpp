#pragma once

#include <cstdint>
#include <lensbench/random.hpp>
#include <vector>

namespace lensbench {

/// Splits rows into parts. All rows of a group are in one part, and each part has about the same
/// share of every class: groups are dealt, the largest first, equally large ones in a random order,
/// to the part that keeps the shares of the classes most even.
/// \param labels   class of each row
/// \param groups   number of the group of each row
/// \param classes  number of classes
/// \param parts    number of parts
/// \return part of each row
std::vector<std::int64_t> deal(const std::vector<std::int64_t>& labels,
                               const std::vector<std::int64_t>& groups, std::int64_t classes,
                               std::int64_t parts, Philox& random);

/// Number of groups that have rows in more than one part.
std::int64_t divided_groups(const std::vector<std::int64_t>& parts,
                            const std::vector<std::int64_t>& groups);

/// Whether every class is in the rows.
bool has_all_classes(const std::vector<std::int64_t>& labels, std::int64_t classes);

/// The rows with these indices.
std::vector<std::int64_t> at_rows(const std::vector<std::int64_t>& values,
                                  const std::vector<std::int64_t>& rows);

/// Indices of the rows of a part, or of all other rows.
std::vector<std::int64_t> rows_in(const std::vector<std::int64_t>& parts, std::int64_t part);
std::vector<std::int64_t> rows_outside(const std::vector<std::int64_t>& parts, std::int64_t part);

/// A random order of 0 to count - 1 (Fisher and Yates).
std::vector<std::int64_t> shuffled(std::int64_t count, Philox& random);

}  // namespace lensbench
