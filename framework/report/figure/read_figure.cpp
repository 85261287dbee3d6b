#include "report/figure/read_figure.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <string_view>
#include <vector>

#include "archive/hdf5/case_selection.hpp"
#include "core/text/suggest.hpp"
#include "report/figure/figure.hpp"
#include "report/figure/slice.hpp"

namespace lensbench::figure {
namespace {

std::string where(const ArchiveReader& archive, const std::string& name) {
  return archive.path().string() + "/results/" + name;
}

StoredDataset stored_dataset(const ArchiveReader& archive, const std::string& name) {
  const auto names = archive.names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw UsageError(archive.path().string() + ": it does not have a result '" + name + "'" +
                     suggest(name, names));
  return archive.stored(name);
}

/// The variable, or the first of those that single cases have under its name.
const Variable& facts_of(const StoredDataset& stored, const std::string& variable,
                         const std::string& place) {
  std::vector<std::string> names;
  for (const StoredVariable& one : stored.variables) {
    const std::string& name = one.facts.name;
    std::string_view stem = name;
    stem.remove_suffix(case_suffix(stem).size());
    if (name == variable || stem == variable) return one.facts;
    const std::string shown(one.facts.coordinate ? std::string_view() : stem);
    if (!shown.empty() && std::find(names.begin(), names.end(), shown) == names.end())
      names.push_back(shown);
  }
  for (const StoredVariable& one : stored.variables)
    if (std::ranges::count(one.facts.dims, variable) > 0)
      throw UsageError(place + ": '" + variable +
                       "' is a dimension of its variables and does not " +
                       "have values; known: " + join(names, ", "));
  throw UsageError(place + ": it does not have a variable '" + variable + "'" +
                   suggest(variable, names));
}

/// Number of the case to read: the named one, or the first complete one.
std::int64_t case_to_read(const ArchiveReader& archive, const std::string& case_id) {
  const auto cases = archive.cases();
  std::vector<std::string> ids;
  ids.reserve(cases.size());
  for (const CaseRecord& one : cases) ids.push_back(one.id);
  if (case_id.empty()) {
    const auto complete = std::find_if(cases.begin(), cases.end(), [](const CaseRecord& one) {
      return one.status == CaseStatus::complete;
    });
    if (complete == cases.end())
      throw UsageError(archive.path().string() + ": none of its cases is complete");
    return complete - cases.begin();
  }
  const auto found = std::find(ids.begin(), ids.end(), case_id);
  if (found == ids.end())
    throw UsageError(archive.path().string() + ": it does not have a case '" + case_id + "'" +
                     suggest(case_id, ids));
  const auto& chosen = cases[static_cast<std::size_t>(found - ids.begin())];
  if (chosen.status != CaseStatus::complete)
    throw UsageError("case '" + case_id + "': it is not complete, so that it does not have values" +
                     (chosen.error.empty() ? "" : ": " + chosen.error));
  return found - ids.begin();
}

/// Number in the end of a name such as `pattern_case3`.
std::optional<std::int64_t> case_in_name(const std::string& name) {
  const auto suffix = case_suffix(name);
  // More than 18 digits do not fit into the number.
  if (suffix.empty() || suffix.size() > 5 + 18) return std::nullopt;
  return std::stoll(std::string(suffix.substr(5)));
}

}  // namespace

FigureData read_for_figure(const ArchiveReader& archive, const std::string& name,
                           const std::string& variable, const std::string& case_id) {
  StoredDataset stored = stored_dataset(archive, name);
  const Variable facts = facts_of(stored, variable, where(archive, name));
  const bool of_tokens = std::any_of(facts.dims.begin(), facts.dims.end(), [](const auto& dim) {
    return dim == "token" || dim == "image_token";
  });
  // A variable of single cases is drawn for one of them, others with all that they have.
  const bool of_one_case = of_tokens || !case_suffix(facts.name).empty();
  FigureData data;
  if (const auto number = case_in_name(variable); number && case_id.empty())
    data.case_number = number;
  else if (of_one_case || !case_id.empty())
    data.case_number = case_to_read(archive, case_id);
  std::vector<Variable> all;
  for (const StoredVariable& one : stored.variables) all.push_back(one.facts);
  const auto needed = variables_to_read(all, variable);
  std::erase_if(stored.variables, [&](const StoredVariable& one) {
    return std::find(needed.begin(), needed.end(), one.facts.name) == needed.end();
  });
  CaseSelection selection{{}, !case_id.empty()};
  if (data.case_number) {
    selection.cases = {*data.case_number};
    const auto cases = archive.cases();
    if (*data.case_number < std::ssize(cases) && cases.size() > 1)
      data.case_id = cases[static_cast<std::size_t>(*data.case_number)].id;
  }
  data.dataset = read_selection(stored, selection);
  return data;
}

}  // namespace lensbench::figure
