#include "report/page/cases.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <optional>
#include <set>
#include <span>

#include "core/text/suggest.hpp"
#include "report/page/case_rows.hpp"

namespace lensbench::page {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
/// Most columns of the table of cases.
constexpr std::size_t kMostColumns = 12;

/// A column is looked for by the name and the dimensions of a variable, never by a tool.
struct Wanted {
  const char* column;
  const char* what;
  const char* variable;
  std::vector<std::string> dims;
  bool mean;  ///< over the tokens; else the value of the last token
};

const std::vector<Wanted>& wanted_columns() {
  static const std::vector<Wanted> all = {
      {"mean surprisal", "mean of -ln probability of the tokens", "surprisal", {"token"}, true},
      {"mean surprisal",
       "mean of -ln probability of the tokens that follow, at the last layer",
       "cross_entropy",
       {"layer", "token"},
       true},
      {"final entropy",
       "entropy at the last token, at the last layer",
       "entropy",
       {"layer", "token"},
       false},
      {"final entropy", "entropy at the last token", "entropy", {"token"}, false},
      {"settled layer",
       "layer from which the prediction at the last token stays; -1: never",
       "settled_layer",
       {"token"},
       false}};
  return all;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  std::int64_t known = 0;
  for (const double value : values)
    if (std::isfinite(value)) sum += value, ++known;
  return known == 0 ? kUnknown : sum / static_cast<double>(known);
}

/// The columns of all results; each is that of the first result which has it.
class Columns {
 public:
  explicit Columns(std::size_t n_cases) : n_cases_(n_cases) {}

  void add(const std::string& result, const StoredDataset& dataset) {
    for (const Wanted& wanted : wanted_columns())
      if (const StoredVariable* found = numbers_of(dataset, wanted.variable, wanted.dims))
        add_tokens(result, dataset, wanted, *found);
    for (const char* dim : {"case", "case_number"})
      for (const StoredVariable& variable : dataset.variables)
        if (variable.rows && !variable.facts.coordinate && variable.facts.holds == Holds::numbers &&
            variable.facts.dims == std::vector<std::string>{dim})
          add_scalars(result, dataset, variable);
  }

  std::vector<CaseColumn> take() {
    std::vector<CaseColumn> columns;
    for (Entry& entry : entries_) columns.push_back(std::move(entry.column));
    return columns;
  }

 private:
  struct Entry {
    std::string key;
    CaseColumn column;
  };

  // The column of a name, if `key` is the variable that it comes from.
  std::vector<double>* values(const std::string& key, const CaseColumn& column) {
    for (Entry& entry : entries_)
      if (entry.column.name == column.name)
        return entry.key == key ? &entry.column.values : nullptr;
    if (entries_.size() == kMostColumns) return nullptr;
    entries_.push_back({key, column});
    entries_.back().column.values.assign(n_cases_, kUnknown);
    return &entries_.back().column.values;
  }

  void set(std::vector<double>& values, std::int64_t number, double value) const {
    if (number >= 0 && number < std::ssize(values))
      values[static_cast<std::size_t>(number)] = value;
  }

  void add_tokens(const std::string& result, const StoredDataset& dataset, const Wanted& wanted,
                  const StoredVariable& variable) {
    const RowsOfCases rows = rows_of_cases(dataset, "token");
    auto* column = values(result + "/" + wanted.variable,
                          {wanted.column, variable.facts.units, wanted.what, {}});
    if (column == nullptr || rows.empty()) return;
    // The last layer of [layer, token].
    std::vector<std::int64_t> index;
    if (variable.shape.size() == 2) {
      if (variable.shape[0] == 0) return;
      index.push_back(variable.shape[0] - 1);
    }
    for_values_of_cases(variable, index, rows,
                        [&](std::int64_t number, std::span<const double> of_case) {
                          if (!of_case.empty())
                            set(*column, number, wanted.mean ? mean_of(of_case) : of_case.back());
                        });
  }

  void add_scalars(const std::string& result, const StoredDataset& dataset,
                   const StoredVariable& variable) {
    const RowsOfCases rows = rows_of_cases(dataset, variable.facts.dims[0]);
    const std::string& name = variable.facts.name;
    auto* column =
        values(result + "/" + name, {name, variable.facts.units, variable.facts.long_name, {}});
    if (column == nullptr) return;
    for_values_of_cases(variable, {}, rows,
                        [&](std::int64_t number, std::span<const double> of_case) {
                          if (!of_case.empty()) set(*column, number, of_case.front());
                        });
  }

  std::size_t n_cases_;
  std::vector<Entry> entries_;
};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

/// The cases of `N` or `A:B`; empty for any other word.
std::vector<std::int64_t> numbered_cases(const std::string& word, std::int64_t n_cases) {
  const auto colon = word.find(':');
  auto first = whole_number(std::string_view(word).substr(0, colon));
  std::optional<std::int64_t> end;
  if (colon == std::string::npos) {
    if (first) end = *first + 1;
  } else {
    if (colon == 0) first = 0;
    end =
        colon + 1 == word.size() ? n_cases : whole_number(std::string_view(word).substr(colon + 1));
  }
  std::vector<std::int64_t> numbers;
  if (!first || !end || *first < 0) return numbers;
  for (std::int64_t i = *first; i < std::min(*end, n_cases); ++i) numbers.push_back(i);
  return numbers;
}

/// The nearest ids, or the first ones where none is near: a run may have thousands.
std::string nearest(const std::string& word, std::vector<std::string> ids) {
  const auto names = nearest_names(word, ids);
  if (!names.empty()) return "; did you mean '" + join(names, "' or '") + "'?";
  constexpr std::size_t kMost = 10;
  const bool more = ids.size() > kMost;
  if (more) ids.resize(kMost);
  return "; known: " + join(ids, ", ") + (more ? ", …" : "");
}

}  // namespace

std::vector<CaseColumn> case_columns(const RunSource& source,
                                     const std::vector<std::unique_ptr<PageResult>>& results) {
  Columns columns(source.cases.size());
  if (source.sealed) {
    for (const auto& result : results) columns.add(result->name, result->data);
    return columns.take();
  }
  // The folder of a run is read case by case, so that memory holds only one of them.
  for (const std::string& name : source.names)
    for (const std::int64_t number : complete_cases(source))
      columns.add(name, source.stored(name, {number}));
  return columns.take();
}

std::vector<std::int64_t> default_cases(const RunSource& source,
                                        const std::vector<CaseColumn>& columns) {
  // A failed case has no data, and its error is in the table of all cases; so a few suffice.
  constexpr std::size_t kMost = 12, kMostFailed = 3;
  std::set<std::int64_t> chosen;
  for (std::size_t i = 0; i < source.cases.size() && chosen.size() < kMostFailed; ++i)
    if (source.cases[i].status == CaseStatus::failed) chosen.insert(static_cast<std::int64_t>(i));
  const auto complete = complete_cases(source);
  for (const CaseColumn& column : columns) {
    if (column.name != "mean surprisal") continue;
    std::vector<std::int64_t> known;
    for (const std::int64_t number : complete)
      if (!std::isnan(column.values[static_cast<std::size_t>(number)])) known.push_back(number);
    if (known.empty()) continue;
    const auto [low, high] =
        std::minmax_element(known.begin(), known.end(), [&](std::int64_t a, std::int64_t b) {
          return column.values[static_cast<std::size_t>(a)] <
                 column.values[static_cast<std::size_t>(b)];
        });
    chosen.insert({*low, *high});
  }
  for (const std::int64_t number : complete) {
    if (chosen.size() >= kMost) break;
    chosen.insert(number);
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<std::int64_t> named_cases(const RunSource& source,
                                      const std::vector<std::string>& words) {
  std::vector<std::string> ids;
  for (const CaseRecord& one : source.cases) ids.push_back(one.id);
  std::set<std::int64_t> chosen;
  for (const std::string& word : words) {
    // An id that looks like a number is an id.
    const auto found = std::find(ids.begin(), ids.end(), word);
    if (found != ids.end()) {
      chosen.insert(found - ids.begin());
      continue;
    }
    const auto numbers = numbered_cases(word, std::ssize(ids));
    if (numbers.empty())
      throw UsageError(source.file + ": it does not have a case '" + word + "' (" +
                       std::to_string(ids.size()) + " cases, numbers from 0)" + nearest(word, ids));
    chosen.insert(numbers.begin(), numbers.end());
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace lensbench::page
