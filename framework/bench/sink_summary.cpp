#include "bench/sink_summary.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "bench/results/result_check.hpp"
#include "bench/results/result_name.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {

/// Only completed cases have results.
const CaseInput& EarlierResults::input(std::int64_t case_number) const {
  if (!std::binary_search(cases_.begin(), cases_.end(), case_number))
    throw UsageError("case " + std::to_string(case_number) + " is not a completed case");
  return inputs_[static_cast<std::size_t>(case_number)];
}

/// Results are read from the sink each time, so that memory does not hold all cases.
Dataset EarlierResults::dataset(std::int64_t case_number, const std::string& name) const {
  const auto names = sink_.names(case_number);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw UsageError("case " + std::to_string(case_number) + " did not save '" + name + "'" +
                     suggest(name, names));
  return sink_.read(case_number, name);
}

void EarlierResults::save(const std::string& name, Dataset) {
  throw UsageError("dataset '" + name +
                   "': the results of earlier passes are only for reading; save it from the case, "
                   "or in Experiment::finish");
}

/// All cases of an experiment save the same names, so those of the first one are the names of all.
std::vector<std::string> EarlierResults::names_of_cases() const {
  return cases_.empty() ? std::vector<std::string>() : sink_.names(cases_.front());
}

/// Case results and summaries share one list of names in the archive.
void FinalSummary::save(const std::string& name, Dataset dataset) {
  check_result_name(name);
  const auto taken = names_of_cases();
  if (std::find(taken.begin(), taken.end(), name) != taken.end())
    throw UsageError("finish saved '" + name +
                     "', which cases also saved; give the summary its own name");
  check_result(dataset, "dataset '" + name + "'");
  if (!saved_.emplace(name, std::move(dataset)).second)
    throw UsageError("finish saved '" + name + "' twice; give each dataset its own name");
}

}  // namespace lensbench
