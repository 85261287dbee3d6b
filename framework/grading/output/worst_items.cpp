#include "grading/output/worst_items.hpp"

#include <algorithm>
#include <cmath>

#include "grading/scores/ranking.hpp"

namespace lensbench::grading {
namespace {

/// Sizes of the mean values. Items without an effect are equal in rank, and sums of others last.
std::vector<double> sizes_of(const ItemTable& table, const Table& values, double least) {
  auto sizes = means_over(values, all_of(table.prompts()));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = std::abs(sizes[i]);
    if (sizes[i] < least) sizes[i] = 0;
    if (!table.is_ranked(i)) sizes[i] = -1;
  }
  return sizes;
}

void add_items_of(const GradedTask& task, std::vector<WorstItem>& items) {
  const ItemTable& table = task.planted;
  if (table.total.empty()) return;
  // A hundredth of the gap is below every planted effect.
  const double least = 0.01 * std::abs(table.gap);
  const auto claimed = ranks_from_largest(sizes_of(table, table.claimed, least));
  const auto truth = ranks_from_largest(sizes_of(table, table.total, least));
  const auto prompts = all_of(table.prompts());
  const auto claimed_mean = means_over(table.claimed, prompts);
  const auto true_mean = means_over(table.truth, prompts);
  std::size_t ranked = 0;
  for (std::size_t i = 0; i < table.items.size(); ++i) ranked += table.is_ranked(i) ? 1 : 0;
  for (std::size_t i = 0; i < table.items.size(); ++i)
    if (table.membership[i] != Membership::ignored && table.is_ranked(i))
      items.push_back(
          {task.task, table.items[i], claimed_mean[i], true_mean[i], claimed[i], truth[i], ranked});
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
