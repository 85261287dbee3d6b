#pragma once

// Parts of the cases of a run, so that one part can be predicted or measured by what another chose.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace common {

/// Cases of one group, which depend on each other.
struct FoldGroup {
  double mean_label = 0;           ///< mean of their labels
  std::vector<std::size_t> cases;  ///< indices of the cases
};

/// Groups in the order of their mean label, then of their first case.
inline std::vector<FoldGroup> groups_in_order(const std::vector<int>& labels,
                                              const std::vector<std::string>& names) {
  std::vector<FoldGroup> groups;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [place, is_new] = known.emplace(names[i], groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].cases.push_back(i);
  }
  for (FoldGroup& group : groups) {
    for (const std::size_t i : group.cases) group.mean_label += labels[i];
    group.mean_label /= static_cast<double>(group.cases.size());
  }
  std::stable_sort(groups.begin(), groups.end(), [](const FoldGroup& a, const FoldGroup& b) {
    return a.mean_label < b.mean_label;
  });
  return groups;
}

/// Fold of each case. All cases of a group are in one fold. Groups are dealt to the folds in turn,
/// in the order of their mean label, then of their first case, so that every fold has about the
/// same share of each label.
/// \param labels  number of the label of each case
/// \param groups  name of the group of each case
inline std::vector<std::int64_t> folds_of(const std::vector<int>& labels,
                                          const std::vector<std::string>& groups,
                                          std::int64_t folds) {
  std::vector<std::int64_t> fold(labels.size());
  std::int64_t dealt = 0;
  for (const FoldGroup& group : groups_in_order(labels, groups)) {
    for (const std::size_t i : group.cases) fold[i] = dealt % folds;
    ++dealt;
  }
  return fold;
}

}  // namespace common
