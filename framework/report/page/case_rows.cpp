#include "report/page/case_rows.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>

namespace lensbench::page {
namespace {

/// Rows that are read at once: about a megabyte, which is the size of a chunk.
constexpr std::int64_t kRowsOfBlock = 1 << 18;

/// Advances an index. \return false after the last one
bool advance(std::vector<std::int64_t>& index, const std::vector<std::int64_t>& shape) {
  for (std::size_t axis = index.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

}  // namespace

RowsOfCases rows_of_cases(const StoredDataset& dataset, const std::string& dim) {
  const bool tokens = dim == "token" || dim == "image_token";
  if (!tokens && dim != "case" && dim != "case_number") return {};
  const StoredVariable* numbers = numbers_of(dataset, tokens ? "case" : dim, {dim});
  if (numbers == nullptr) return {};
  RowsOfCases rows;
  for (std::int64_t first = 0; first < numbers->shape[0]; first += kRowsOfBlock) {
    const std::int64_t count = std::min(kRowsOfBlock, numbers->shape[0] - first);
    const at::Tensor values = numbers->rows({}, first, count).to(at::kLong).contiguous();
    const std::int64_t* data = values.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      Rows& one = rows.try_emplace(data[i], Rows{first + i, 0}).first->second;
      // The rows of a case are consecutive in every archive; others of a damaged one are left out.
      if (one.first + one.count == first + i) ++one.count;
    }
  }
  return rows;
}

void for_values_of_cases(
    const StoredVariable& variable, const std::vector<std::int64_t>& index, const RowsOfCases& rows,
    const std::function<void(std::int64_t number, std::span<const double> values)>& use) {
  std::vector<std::pair<std::int64_t, Rows>> cases(rows.begin(), rows.end());
  std::sort(cases.begin(), cases.end(),
            [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
  const auto end_of = [&](std::size_t i) { return cases[i].second.first + cases[i].second.count; };
  for (std::size_t i = 0; i < cases.size();) {
    const std::int64_t first = cases[i].second.first;
    std::size_t next = i + 1;
    while (next < cases.size() && end_of(next) - first <= kRowsOfBlock) ++next;
    const at::Tensor values =
        variable.rows(index, first, end_of(next - 1) - first).to(at::kDouble).contiguous();
    for (; i < next; ++i)
      use(cases[i].first, std::span(values.data_ptr<double>() + (cases[i].second.first - first),
                                    static_cast<std::size_t>(cases[i].second.count)));
  }
}

std::optional<std::pair<std::string, std::int64_t>> of_one_case(const std::string& name) {
  const auto at = name.rfind("_case");
  // At most 9 digits, which fit into an int64.
  if (at == std::string::npos || at == 0 || at + 5 >= name.size() || name.size() - at > 14)
    return std::nullopt;
  const std::string digits = name.substr(at + 5);
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::pair(name.substr(0, at), std::stoll(digits));
}

at::Tensor read_rows_of(const StoredVariable& variable, std::optional<std::size_t> axis, Rows rows,
                        std::optional<Rows> outer) {
  std::vector<std::int64_t> shape = variable.shape;
  if (!axis) {
    const Rows all = outer.value_or(Rows{0, shape.empty() ? 1 : shape[0]});
    if (!shape.empty()) shape[0] = all.count;
    return variable.rows({}, all.first, all.count).reshape(shape);
  }
  shape[*axis] = rows.count;
  if (outer && *axis > 0) shape[0] = outer->count;
  if (cells_of(shape) == 0) return at::empty(shape, variable.type);
  std::vector<std::int64_t> index(*axis, 0);
  std::vector<at::Tensor> parts;
  do {
    std::vector<std::int64_t> stored = index;
    if (outer && *axis > 0) stored[0] += outer->first;
    parts.push_back(variable.rows(stored, rows.first, rows.count).flatten());
  } while (advance(index, shape));
  return at::cat(parts).reshape(shape);
}

const StoredVariable* numbers_of(const StoredDataset& dataset, const std::string& name,
                                 const std::vector<std::string>& dims) {
  const auto found =
      std::find_if(dataset.variables.begin(), dataset.variables.end(), [&](const auto& one) {
        return one.facts.name == name && one.facts.dims == dims && one.rows;
      });
  return found == dataset.variables.end() ? nullptr : &*found;
}

std::int64_t cells_of(const std::vector<std::int64_t>& shape) {
  std::int64_t cells = 1;
  for (const std::int64_t length : shape) cells *= length;
  return cells;
}

}  // namespace lensbench::page
