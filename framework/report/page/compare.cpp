#include "report/page/compare.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace lensbench::page {
namespace {

using nlohmann::json;
using Pairs = std::vector<std::pair<std::int32_t, std::int32_t>>;

/// Longest common subsequence of the middles, by dynamic programming from the end.
class Middle {
 public:
  Middle(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b, std::size_t begin,
         std::size_t end_a, std::size_t end_b)
      : a_(a), b_(b), begin_(begin), end_a_(end_a), end_b_(end_b) {}

  void add_to(Pairs& pairs) {
    constexpr std::size_t kMostCells = std::size_t{64} << 20;
    const std::size_t rows = end_a_ - begin_, columns = end_b_ - begin_;
    const bool aligns = rows > 0 && columns > 0 && rows <= kMostCells / columns;
    if (aligns) find_steps(rows, columns);
    std::size_t i = 0, j = 0;
    while (aligns && i < rows && j < columns) {
      switch (steps_[i * columns + j]) {
        case Step::both:
          pairs.emplace_back(at(i++), at(j++));
          break;
        case Step::a:
          pairs.emplace_back(at(i++), -1);
          break;
        case Step::b:
          pairs.emplace_back(-1, at(j++));
      }
    }
    while (i < rows) pairs.emplace_back(at(i++), -1);
    while (j < columns) pairs.emplace_back(-1, at(j++));
  }

 private:
  enum class Step : std::uint8_t { both, a, b };

  std::int32_t at(std::size_t i) const { return static_cast<std::int32_t>(begin_ + i); }

  // Two rows of lengths, and the step of every pair.
  void find_steps(std::size_t rows, std::size_t columns) {
    steps_.resize(rows * columns);
    std::vector<std::uint32_t> below(columns + 1, 0), row(columns + 1, 0);
    for (std::size_t i = rows; i-- > 0;) {
      for (std::size_t j = columns; j-- > 0;) {
        const bool same = a_[begin_ + i] == b_[begin_ + j];
        row[j] = same ? below[j + 1] + 1 : std::max(below[j], row[j + 1]);
        steps_[i * columns + j] = same ? Step::both : below[j] >= row[j + 1] ? Step::a : Step::b;
      }
      std::swap(row, below);
    }
  }

  const std::vector<std::int64_t>&a_, &b_;
  std::size_t begin_, end_a_, end_b_;
  std::vector<Step> steps_;
};

std::vector<std::int64_t> ids_of(const PageTokens& tokens) {
  if (!tokens.input_id.defined()) return {};
  const at::Tensor ids = tokens.input_id.to(at::kLong).contiguous().flatten();
  return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()};
}

/// Cases of both archives by id, with the alignment of their tokens in one result.
class Alignment {
 public:
  Alignment(const PageContent& content, BlockList& blocks)
      : a_(content.runs[0]), b_(content.runs[1]), blocks_(blocks) {}

  json write() {
    json list = json::array();
    for (const auto& first : a_.results)
      for (const auto& second : b_.results) {
        if (first->name != second->name) continue;
        for (const PageTokens& one : first->tokens)
          for (const PageTokens& other : second->tokens)
            if (id_of(a_, one) == id_of(b_, other)) list.push_back(entry(*first, one, other));
      }
    return list;
  }

 private:
  static const std::string& id_of(const PageRun& run, const PageTokens& tokens) {
    return run.source->cases[static_cast<std::size_t>(tokens.number)].id;
  }

  json entry(const PageResult& result, const PageTokens& one, const PageTokens& other) {
    const Pairs pairs = aligned_tokens(ids_of(one), ids_of(other));
    std::vector<std::int64_t> flat;
    for (const auto& pair : pairs) flat.push_back(pair.first);
    for (const auto& pair : pairs) flat.push_back(pair.second);
    return {{"result", result.name},
            {"a_case", one.number},
            {"b_case", other.number},
            {"pairs", blocks_.add(at::tensor(flat, at::kLong))}};
  }

  const PageRun &a_, &b_;
  BlockList& blocks_;
};

json variables_json(const ArchiveDifference& difference) {
  json list = json::array();
  for (const DatasetDifference& dataset : difference.datasets)
    for (const VariableDifference& one : dataset.variables) {
      json entry = {
          {"result", dataset.name},
          {"name", one.name},
          {"verdict", verdict_of(one.agreement)},
          {"max_difference", std::isfinite(one.max_absolute) ? json(one.max_absolute) : json()},
          {"where", one.first}};
      if (!one.reason.empty()) entry["reason"] = one.reason;
      list.push_back(std::move(entry));
    }
  return list;
}

json axes_json(const ArchiveDifference& difference) {
  json list = json::array();
  for (const DatasetDifference& dataset : difference.datasets)
    for (const AxisDifference& axis : dataset.axes)
      list.push_back({{"result", dataset.name},
                      {"dim", axis.dim},
                      {"only_a", axis.only_first.size()},
                      {"only_b", axis.only_second.size()},
                      {"common", axis.common}});
  return list;
}

json facts_json(const std::vector<FactDifference>& facts) {
  json list = json::array();
  for (const FactDifference& one : facts)
    list.push_back({{"field", one.where}, {"a", one.first}, {"b", one.second}});
  return list;
}

}  // namespace

const char* verdict_of(Agreement agreement) {
  switch (agreement) {
    case Agreement::identical:
      return "equal";
    case Agreement::within_tolerance:
      return "within tolerance";
    case Agreement::only_first:
      return "only in A";
    case Agreement::only_second:
      return "only in B";
    default:
      return "differs";
  }
}

Pairs aligned_tokens(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t begin = 0, same_end = 0;
  while (begin < shorter && a[begin] == b[begin]) ++begin;
  while (same_end < shorter - begin && a[a.size() - 1 - same_end] == b[b.size() - 1 - same_end])
    ++same_end;
  Pairs pairs;
  for (std::size_t i = 0; i < begin; ++i)
    pairs.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(i));
  Middle(a, b, begin, a.size() - same_end, b.size() - same_end).add_to(pairs);
  for (std::size_t i = same_end; i > 0; --i)
    pairs.emplace_back(static_cast<std::int32_t>(a.size() - i),
                       static_cast<std::int32_t>(b.size() - i));
  return pairs;
}

json comparison(const PageContent& content, BlockList& blocks) {
  const ArchiveDifference& difference = *content.difference;
  const Agreement worst = difference.results();
  return {{"recipe", facts_json(difference.recipe)},
          {"environment", facts_json(difference.environment)},
          {"outcomes", facts_json(difference.outcomes)},
          {"verdict", worst <= Agreement::within_tolerance ? verdict_of(worst) : "differs"},
          {"axes", axes_json(difference)},
          {"variables", variables_json(difference)},
          {"alignment", Alignment(content, blocks).write()}};
}

}  // namespace lensbench::page
