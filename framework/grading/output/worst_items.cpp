#include "grading/output/worst_items.hpp"

#include <algorithm>
#include <cmath>

#include "grading/scores/ranking.hpp"

namespace lensbench::grading {
namespace {

std::vector<double> sizes_of(const Table& table, double least) {
  auto values = means_over(table, all_of(table.empty() ? 0 : table.front().size()));
  for (double& value : values) {
    value = std::abs(value);
    // Items without an effect are equal in rank.
    if (value < least) value = 0;
  }
  return values;
}

void add_items_of(const GradedTask& task, std::vector<WorstItem>& items) {
  const ItemTable& table = task.planted;
  if (table.total.empty()) return;
  // A hundredth of the gap is below every planted effect.
  const double least = 0.01 * std::abs(table.gap);
  const auto claimed = ranks_from_largest(sizes_of(table.claimed, least));
  const auto truth = ranks_from_largest(sizes_of(table.total, least));
  const auto prompts = all_of(table.prompts());
  const auto claimed_mean = means_over(table.claimed, prompts);
  const auto true_mean = means_over(table.truth, prompts);
  for (std::size_t i = 0; i < table.items.size(); ++i)
    if (table.membership[i] != Membership::ignored)
      items.push_back({task.task, table.items[i], claimed_mean[i], true_mean[i], claimed[i],
                       truth[i], table.items.size()});
}

}  // namespace

std::vector<WorstItem> worst_items(const Entry& entry, std::size_t n) {
  std::vector<WorstItem> items;
  if (entry.kind != TableKind::effects) return items;
  for (const GradedTask& task : entry.tasks) add_items_of(task, items);
  std::erase_if(items, [](const WorstItem& item) { return item.misplaced() < 1; });
  std::stable_sort(items.begin(), items.end(), [](const WorstItem& a, const WorstItem& b) {
    return a.misplaced() > b.misplaced();
  });
  if (items.size() > n) items.resize(n);
  return items;
}

}  // namespace lensbench::grading
