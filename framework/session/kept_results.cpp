#include "session/kept_results.hpp"

#include <lensbench/error.hpp>

namespace lensbench {
namespace {

std::size_t bytes_of_variable(const Variable& variable) {
  if (!variable.is_text()) return variable.tensor.nbytes();
  std::size_t bytes = 0;
  for (const std::string& text : variable.strings) bytes += text.size();
  return bytes;
}

}  // namespace

CaseCosts KeptResults::of_this_session(CaseCosts costs) const {
  costs.session = session_;
  return costs;
}

void KeptResults::commit(std::int64_t index, std::int64_t,
                         const std::map<std::string, Dataset>& saved, const CaseCosts& costs) {
  entries_[index] = {saved, of_this_session(costs), ""};
}

void KeptResults::commit_failure(std::int64_t index, std::int64_t, const std::string& error,
                                 const CaseCosts& costs) {
  entries_[index] = {
      {}, of_this_session(costs), error.empty() ? "failed without a message" : error};
}

void KeptResults::commit_state(std::int64_t index, std::int64_t, const std::string& key,
                               const Dataset& state) {
  states_.insert_or_assign({index, key}, state);
}

std::optional<Dataset> KeptResults::state(std::int64_t index, std::int64_t,
                                          const std::string& key) const {
  const auto found = states_.find({index, key});
  return found == states_.end() ? std::nullopt : std::optional(found->second);
}

void KeptResults::note(std::int64_t, const std::string& tool) {
  tool_ = tool;
}

Dataset KeptResults::read(std::int64_t index, const std::string& name) const {
  const auto entry = entries_.find(index);
  if (entry != entries_.end())
    if (const auto found = entry->second.saved.find(name); found != entry->second.saved.end())
      return found->second;
  throw UsageError("case " + std::to_string(index) + " did not save a dataset '" + name + "'");
}

std::vector<std::string> KeptResults::names(std::int64_t index) const {
  std::vector<std::string> names;
  const auto entry = entries_.find(index);
  if (entry == entries_.end()) return names;
  names.reserve(entry->second.saved.size());
  for (const auto& [name, dataset] : entry->second.saved) names.push_back(name);
  return names;
}

std::size_t KeptResults::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [index, entry] : entries_)
    for (const auto& [name, dataset] : entry.saved)
      for (const Variable& variable : dataset.variables()) bytes += bytes_of_variable(variable);
  return bytes;
}

void KeptResults::write_to(RunWriter& writer) const {
  for (const auto& [index, entry] : entries_) {
    if (entry.error.empty())
      writer.commit(index, entry.saved, entry.costs);
    else
      writer.commit_failure(index, entry.error, entry.costs);
  }
}

}  // namespace lensbench
