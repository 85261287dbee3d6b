#include "over_cases.hpp"

#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contradictions.hpp"
#include "methods.hpp"

namespace agreement {
namespace {

using namespace lensbench;
using Rows = std::vector<at::Tensor>;

/// Level of the intervals that tell absent from undecided.
constexpr double kAbsenceConfidence = 0.9;

/// Variables of the cases that are summed up.
constexpr std::array<const char*, 7> kNames = {
    "value",       "patching_at_position", "gap", "spearman", "sign_agreement",
    "top_overlap", "permuted_spearman"};

/// Rows of NaN in the shapes of `rows`, for intervals that so few cases do not allow.
Rows missing_like(const Rows& rows) {
  Rows missing;
  missing.reserve(rows.size());
  for (const at::Tensor& row : rows)
    missing.push_back(at::full_like(row, std::numeric_limits<double>::quiet_NaN()));
  return missing;
}

/// Mean, standard error, quartiles, and an interval where there are enough cases.
void add_described(Dataset& table, const Variable& like, const Rows& rows,
                   const statistics::Resampling& resampling) {
  statistics::add_over_cases(table, like, like.dims, rows);
  statistics::add_intervals(table, like, like.dims,
                            std::ssize(rows) < kFewestCases ? missing_like(rows) : rows,
                            resampling);
}

/// Presence of every element of a variable that was described and tested, int8.
at::Tensor presence(const Dataset& table, const std::string& name, double gap) {
  const at::Tensor mean = table[name + "_mean"].tensor;
  const auto means = statistics::values_of(mean),
             p = statistics::values_of(table[name + "_p_adjusted"].tensor),
             low = statistics::values_of(table[name + "_interval"].tensor[0]),
             high = statistics::values_of(table[name + "_interval"].tensor[1]);
  std::vector<std::int64_t> found;
  found.reserve(means.size());
  for (std::size_t i = 0; i < means.size(); ++i)
    found.push_back(presence_of({means[i], p[i], low[i], high[i]}, gap));
  return at::tensor(found, at::kLong).to(at::kChar).view(mean.sizes());
}

/// Values with tests and intervals, and whether each is there at all.
void add_value_statistics(Dataset& table, const Dataset& first,
                          const std::map<std::string, Rows>& rows, std::uint64_t seed) {
  const double gap = table["gap_mean"].tensor.item<double>();
  for (const char* name : {"value", "patching_at_position"}) {
    const Variable& like = first[name];
    add_described(table, like, rows.at(name), {.seed = seed, .confidence = kAbsenceConfidence});
    statistics::add_tests_against_zero(table, like, like.dims, rows.at(name),
                                       statistics::Correction::benjamini_hochberg, {.seed = seed});
    table.add(std::string(name) == "value" ? "presence" : "presence_at_position", like.dims,
              presence(table, name, gap), "1",
              "1 present (adjusted p below 0.05, and mean above 5 % of the mean gap), -1 absent "
              "(interval within 5 % of it), 0 undecided, of: " +
                  like.long_name);
  }
}

/// Mean rank correlation of a case over the pairs of methods that share an assumption, and over
/// those that do not.
at::Tensor by_pairs(const at::Tensor& spearman) {
  std::vector<double> shared, others;
  for (std::int64_t i = 0; i < kMethodCount; ++i)
    for (std::int64_t k = i + 1; k < kMethodCount; ++k)
      (share_an_assumption(i, k) ? shared : others).push_back(spearman[i][k].item<double>());
  return at::tensor({statistics::mean(shared), statistics::mean(others)}, at::kDouble);
}

void add_agreements(Dataset& table, const Dataset& first, const std::map<std::string, Rows>& rows,
                    std::uint64_t seed) {
  for (const char* name : {"spearman", "sign_agreement", "top_overlap", "permuted_spearman"})
    add_described(table, first[name], rows.at(name), {.seed = seed});
  table.set_attribute("spearman_mean", "view", std::string("heatmap"));
  at::Tensor shares = at::zeros({kMethodCount, kMethodCount}, at::kChar);
  for (std::int64_t i = 0; i < kMethodCount; ++i)
    for (std::int64_t k = 0; k < kMethodCount; ++k)
      shares[i][k] = static_cast<std::int64_t>(share_an_assumption(i, k));
  table.add("shares_an_assumption", {"method", "other_method"}, shares, "1",
            "1 where two methods rest on one assumption, so that their agreement is not "
            "independent evidence");
  table.add_coordinate("pairs", std::vector<std::string>{"one assumption", "independent"},
                       "pairs of methods that rest on one assumption, and all others");
  Rows means;
  for (const at::Tensor& one : rows.at("spearman")) means.push_back(by_pairs(one));
  add_described(table,
                {.name = "agreement",
                 .dims = {"pairs"},
                 .long_name = "mean rank correlation over pairs of different methods (NaN: the "
                              "methods lack values, or all are equal)"},
                means, {.seed = seed});
}

void add_contradictions(Dataset& table) {
  const Presences presences{table["presence"].tensor, table["presence_at_position"].tensor,
                            table["value_mean"].tensor};
  std::vector<std::string> names, meanings;
  for (const Kind& kind : kKinds) {
    names.emplace_back(kind.name);
    meanings.emplace_back(kind.meaning);
  }
  table.add_coordinate("kind", names, "way in which methods contradict each other");
  table.add("kind_meaning", "kind", meanings, "what it suggests, and the next look");
  const at::Tensor found = contradictions_of(presences);
  table.add("contradiction", {"component", "kind"}, found, "1",
            "1 where methods contradict each other in this way; undecided values never do");
  const auto texts = contradiction_texts(found, presences);
  table.add("contradiction_text", "component", texts,
            "contradictions of the component, with the means of the methods that are decided");
  const auto count = found.sum().item<std::int64_t>();
  table.attributes["contradictions"] = count;
  std::string finding = "contradictions: " + std::to_string(count);
  const auto components = table["component"].strings;
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (texts[i] != "none") finding += "; " + components[i] + ": " + texts[i];
  const auto undecided = presences.of_methods.eq(kUndecided).sum().item<std::int64_t>();
  table.attributes["finding"] = finding + "; " + std::to_string(undecided) + " of " +
                                std::to_string(presences.of_methods.numel()) +
                                " values are undecided";
}

}  // namespace

Dataset table_of(const Summary& summary) {
  std::optional<Dataset> read;
  std::map<std::string, Rows> rows;
  summary.for_each("methods", [&](std::int64_t, const Dataset& methods) {
    if (!read) read = methods;
    for (const char* name : kNames) rows[name].push_back(methods[name].tensor);
  });
  const Dataset& first = *read;
  Dataset table;
  for (const char* axis : {"method", "other_method", "component"}) table.add(first[axis]);
  add_described(table, first["gap"], rows.at("gap"), {.seed = summary.seed()});
  add_value_statistics(table, first, rows, summary.seed());
  table.set_attribute("value_mean", "view", std::string("heatmap"));
  add_agreements(table, first, rows, summary.seed());
  add_contradictions(table);
  table.attributes["cases"] = std::ssize(rows.at("gap"));
  return table;
}

}  // namespace agreement
