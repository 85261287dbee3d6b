#include "bench/results/result_name.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

namespace lensbench {

/// Names become groups of HDF5, variables of programs and parts of paths, hence the narrow
/// alphabet.
void check_result_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const bool good = !name.empty() && name.size() <= 128 && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
                    });
  if (!good)
    throw UsageError("result name '" + name +
                     "': use a letter, then letters, digits and underscores, at most 128 in all");
}

}  // namespace lensbench
