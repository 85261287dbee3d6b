#include "archive/diff.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "archive/seal/tables.hpp"
#include "core/text/json.hpp"

// Differences between two archives: first the requests, then the environments, then the results.
// Requests are compared as JSON of one form, into which archives of all formats and a plan that has
// not run are converted.

namespace lensbench {
namespace {

using nlohmann::json;

// Limit for fields of a case, which are JSON from a file.
constexpr JsonLimits kFieldLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};

json value_at(const Variable& variable, std::size_t row) {
  if (variable.is_text()) return variable.strings.at(row);
  return variable.tensor[static_cast<std::int64_t>(row)].item<std::int64_t>();
}

/// JSON object with one member per row of a table, named by the columns `keys`.
json rows_of(const Dataset& recipe, const std::string& dim, const std::vector<std::string>& keys,
             const std::vector<std::string>& columns) {
  json rows = json::object();
  const std::size_t n = recipe.contains(keys.front()) ? recipe[keys.front()].strings.size() : 0;
  for (std::size_t i = 0; i < n; ++i) {
    // Rows are named by their content and not by their number, so that a row more changes one line.
    std::string key;
    for (const std::string& name : keys)
      key += (key.empty() ? "" : " ") + recipe[name].strings.at(i);
    json row = json::object();
    for (const std::string& column : columns) {
      // The columns of a table have its dimension as prefix or not.
      if (!recipe.contains(dim + "_" + column) && !recipe.contains(column)) continue;
      const Variable& variable = recipe[recipe.contains(column) ? column : dim + "_" + column];
      row[column] = value_at(variable, i);
    }
    rows[key] = row;
  }
  return rows;
}

/// Columns of the cases that are compared. Archives of format 1 do not have those of second
/// prompts; they have them as fields of the cases alone.
std::vector<std::string> case_columns(const Dataset& first, const Dataset& second) {
  std::vector<std::string> columns = {"text", "n_tokens", "ids_sha256"};
  for (const char* name : {"corrupted_text", "corrupted_ids_sha256"})
    if (first.contains(name) && second.contains(name)) columns.emplace_back(name);
  return columns;
}

/// Adds the pictures of the cases, in order.
void add_picture_rows(json& rows, const Dataset& recipe) {
  if (!recipe.contains("image_case")) return;
  for (std::size_t i = 0; i < recipe["image_name"].strings.size(); ++i) {
    json row = json::object();
    for (const Variable& column : recipe.variables())
      if (column.dims == std::vector<std::string>{"image"} && column.name != "image_case" &&
          !column.coordinate)
        row[column.name] = value_at(column, i);
    const auto number = value_at(recipe["image_case"], i).get<std::size_t>();
    // Numbered members, so that a difference is reported by its column.
    json& pictures = rows[recipe["case_id"].strings.at(number)]["pictures"];
    pictures[std::to_string(pictures.size())] = std::move(row);
  }
}

/// Rows of the cases with their other fields. Earlier versions stored those in the request, from
/// which they are taken, so that archives of both forms are compared by case.
json case_rows_of(const Dataset& recipe, json& request, const std::vector<std::string>& columns) {
  json rows = rows_of(recipe, "case", {"case_id"}, columns);
  add_picture_rows(rows, recipe);
  if (recipe.contains("fields"))
    for (std::size_t i = 0; i < recipe["fields"].strings.size(); ++i) {
      json fields = parse_json(recipe["fields"].strings[i], "/recipe/fields", kFieldLimits);
      if (!fields.empty()) rows[recipe["case_id"].strings.at(i)]["fields"] = std::move(fields);
    }
  if (const auto earlier = request.find("case_fields"); earlier != request.end()) {
    if (earlier->is_object())
      for (const auto& [id, fields] : earlier->items()) rows[id]["fields"] = fields;
    request.erase(earlier);
  }
  return rows;
}

/// Everything that a request consists of, as one object. A difference is reported by its path in
/// it.
json recipe_facts(const Dataset& recipe, const std::vector<std::string>& columns, json request,
                  const std::string& experiment, const std::string& version,
                  const std::string& source) {
  json cases = case_rows_of(recipe, request, columns);
  return {{"experiment", experiment},
          {"experiment_version", version},
          {"request", std::move(request)},
          {"source", source},
          {"files", rows_of(recipe, "file", {"file_role", "file_name"}, {"sha256", "bytes"})},
          {"plugins", rows_of(recipe, "plugin", {"plugin_name"}, {"version", "sha256", "entries"})},
          {"cases", std::move(cases)}};
}

json recipe_facts(const ArchiveReader& archive, const Dataset& recipe,
                  const std::vector<std::string>& columns) {
  return recipe_facts(recipe, columns, archive.request(), archive.attribute("experiment"),
                      archive.attribute("experiment_version"), archive.source());
}

/// Status and error of each case by its id.
json outcome_facts(const ArchiveReader& archive) {
  json facts = json::object();
  for (const CaseRecord& one : archive.cases()) {
    const std::string status = to_string(one.status);
    facts[one.id] = one.error.empty() ? status : status + ": " + one.error;
  }
  return facts;
}

/// Attributes as JSON, so that the comparison of facts also serves for them.
json attribute_facts(const Dataset& dataset) {
  json facts = json::object();
  // The name is captured by an alias, because Clang 14 refuses captured structured bindings.
  for (const auto& [name, value] : dataset.attributes)
    std::visit([&, &key = name](const auto& v) { facts[key] = v; }, value);
  return facts;
}

/// Finds the first token with any difference, where the search for a cause begins.
void note_first_token(DatasetDifference& result, const Dataset& first,
                      const std::vector<CaseRecord>& cases) {
  std::optional<std::int64_t> token;
  for (const VariableDifference& variable : result.variables)
    if (variable.first_token)
      token = std::min(*variable.first_token, token.value_or(*variable.first_token));
  if (!token) return;
  result.first_token = token_label(first, *token);
  if (!first.contains("case") || first["case"].dims != std::vector<std::string>{"token"}) return;
  const auto number = first["case"].tensor[*token].item<std::int64_t>();
  if (number >= 0 && number < static_cast<std::int64_t>(cases.size()))
    result.first_case = cases[static_cast<std::size_t>(number)].id;
}

std::vector<std::string> ids_of(const std::vector<CaseRecord>& cases) {
  std::vector<std::string> ids;
  ids.reserve(cases.size());
  for (const CaseRecord& one : cases) ids.push_back(one.id);
  return ids;
}

/// Comparison of the part that both datasets have. Without a common label of one of its axes,
/// nothing of a variable can be compared.
VariableDifference compare_aligned(const AlignedDatasets& both, const std::string& name) {
  VariableDifference result = compare_variable(both.first, both.second, name);
  if (result.agreement != Agreement::identical || !both.first.contains(name)) return result;
  for (const AxisDifference& axis : both.axes) {
    const auto& dims = both.first[name].dims;
    if (axis.common > 0 || std::find(dims.begin(), dims.end(), axis.dim) == dims.end()) continue;
    result.agreement = Agreement::incomparable;
    result.reason = "the archives have no label of axis '" + axis.dim + "' in common";
  }
  return result;
}

/// Compares all variables of both datasets: those of the first, then those that only the second
/// has.
DatasetDifference diff_dataset(const std::string& name, const Dataset& first, const Dataset& second,
                               const std::vector<CaseRecord>& cases,
                               const std::vector<CaseRecord>& second_cases) {
  DatasetDifference result;
  result.name = name;
  result.attributes = diff_facts(attribute_facts(first), attribute_facts(second));
  AlignedDatasets both = align(first, second, ids_of(cases), ids_of(second_cases));
  for (const Variable& variable : both.first.variables())
    result.variables.push_back(compare_aligned(both, variable.name));
  for (const Variable& variable : both.second.variables())
    if (!both.first.contains(variable.name))
      result.variables.push_back(compare_aligned(both, variable.name));
  note_first_token(result, both.first, cases);
  result.axes = std::move(both.axes);
  return result;
}

/// An empty dataset represents a missing one, so that each variable of the other counts as missing.
Dataset read_if_there(const ArchiveReader& archive, const std::string& name) {
  const auto names = archive.names();
  const bool there = std::find(names.begin(), names.end(), name) != names.end();
  return there ? archive.read(name) : Dataset();
}

}  // namespace

/// Compares an archive with a request that may not have run yet.
std::vector<FactDifference> diff_recipe(const ArchiveReader& archive, const RunPlan& plan) {
  const Dataset then = archive.recipe(), now = recipe_table(plan);
  const auto columns = case_columns(then, now);
  return diff_facts(recipe_facts(archive, then, columns),
                    recipe_facts(now, columns, plan.request, plan.experiment,
                                 plan.experiment_version, plan.source));
}

std::vector<FactDifference> diff_recipe(const ArchiveReader& first, const ArchiveReader& second) {
  const Dataset one = first.recipe(), other = second.recipe();
  const auto columns = case_columns(one, other);
  return diff_facts(recipe_facts(first, one, columns), recipe_facts(second, other, columns));
}

/// The worst agreement counts, because one variable that differs makes the results different. Axes
/// with other labels count as well: what is missing was not compared.
Agreement ArchiveDifference::results() const {
  Agreement worst = outcomes.empty() ? Agreement::identical : Agreement::different;
  for (const DatasetDifference& dataset : datasets) {
    if (!dataset.attributes.empty() || !dataset.axes.empty())
      worst = std::max(worst, Agreement::different);
    for (const VariableDifference& variable : dataset.variables)
      worst = std::max(worst, variable.agreement);
  }
  return worst;
}

ArchiveDifference diff_archives(const ArchiveReader& first, const ArchiveReader& second) {
  ArchiveDifference result;
  result.recipe = diff_recipe(first, second);
  result.outcomes = diff_facts(outcome_facts(first), outcome_facts(second));
  result.environment = diff_facts(first.environment(), second.environment());
  const auto cases = first.cases(), second_cases = second.cases();
  std::set<std::string> names;
  for (const ArchiveReader* archive : {&first, &second})
    for (const std::string& name : archive->names()) names.insert(name);
  // One dataset of each archive is in memory at a time.
  for (const std::string& name : names)
    result.datasets.push_back(diff_dataset(name, read_if_there(first, name),
                                           read_if_there(second, name), cases, second_cases));
  return result;
}

}  // namespace lensbench
