#include "shift_over_cases.hpp"

#include <ATen/core/Tensor.h>

#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <string>

namespace model_comparison {
namespace {

using namespace lensbench;

/// How the tokens of a text become one number.
enum class Tokenwise { mean, last };

struct Columns {
  Variable like;
  std::vector<std::string> dims;
  std::vector<at::Tensor> cases;
};

Columns columns_of(const std::vector<Dataset>& cases, const std::string& name, Tokenwise over) {
  Columns columns{cases.front()[name], cases.front()[name].dims, {}};
  columns.dims.pop_back();
  columns.like.long_name += over == Tokenwise::mean ? ", mean over the tokens of a text"
                                                    : ", at the last token of a text";
  columns.cases.reserve(cases.size());
  for (const Dataset& one : cases) {
    const at::Tensor& values = one[name].tensor;
    columns.cases.push_back(over == Tokenwise::mean ? values.nanmean(-1) : values.select(-1, -1));
  }
  return columns;
}

void add(Dataset& table, const Columns& columns, std::uint64_t seed) {
  statistics::add_over_cases(table, columns.like, columns.dims, columns.cases);
  statistics::add_intervals(table, columns.like, columns.dims, columns.cases, {.seed = seed});
}

/// Label of the largest value; NaN never is.
std::string label_of_largest(const Dataset& table, const std::string& axis,
                             const at::Tensor& values) {
  const std::int64_t largest = values.nan_to_num(-1.0).argmax().item<std::int64_t>();
  return table[axis].strings.at(static_cast<std::size_t>(largest));
}

}  // namespace

Dataset shift_over_cases(const std::vector<Dataset>& cases, std::uint64_t seed) {
  Dataset table;
  for (const char* axis : {"layer", "layer_label", "component", "part"})
    table.add(cases.front()[axis]);
  for (const char* name : {"moved", "stream_moved", "stream_cosine"})
    add(table, columns_of(cases, name, Tokenwise::mean), seed);
  for (const char* name : {"change_explained", "logit_change"})
    add(table, columns_of(cases, name, Tokenwise::last), seed);
  const Columns parts = columns_of(cases, "change_explained", Tokenwise::last);
  statistics::add_tests_against_zero(table, parts.like, parts.dims, parts.cases);
  table.attributes["texts"] = static_cast<std::int64_t>(cases.size());
  table.attributes["sign"] = cases.front().attributes.at("sign");
  table.attributes["most_moved"] = label_of_largest(table, "component", table["moved_mean"].tensor);
  table.attributes["explains_most"] =
      label_of_largest(table, "part", table["change_explained_mean"].tensor.abs());
  return table;
}

}  // namespace model_comparison
