#include "grading/truth/truth.hpp"

#include <lensbench/error.hpp>

namespace lensbench::grading {

double gap_of(const Task& task) {
  if (!task.metric || task.metric->clean.empty())
    throw UsageError("task '" + task.name + "': the truth has no metric; add the field metric");
  double sum = 0;
  for (std::size_t i = 0; i < task.metric->clean.size(); ++i)
    sum += task.metric->clean[i] - task.metric->corrupted[i];
  return sum / static_cast<double>(task.metric->clean.size());
}

}  // namespace lensbench::grading
