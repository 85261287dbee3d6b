#include "truth.hpp"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <lensbench/statistics.hpp>
#include <map>
#include <numeric>

#include "common/json_line.hpp"

namespace lensbench::edges {
namespace {

using Names = std::array<std::string, 3>;  // source, target, slot
constexpr std::array<const char*, 3> kNameFields = {"source", "target", "slot"};
constexpr const char* kTruthLine = "a JSON object with the texts source, target and slot";

/// Number of every edge by its names.
std::map<Names, std::size_t> numbers_of(const Graph& graph) {
  std::map<Names, std::size_t> numbers;
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    const GraphEdge names = names_of(graph, graph.edges[i]);
    numbers[{names.source, names.target, names.slot}] = i;
  }
  return numbers;
}

Names names_of_line(const nlohmann::json& object, const std::string& where) {
  Names names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto field = object.find(kNameFields[i]);
    if (field == object.end() || !field->is_string())
      throw InputError(where + ": field " + kNameFields[i] + " is not a text, expected " +
                       kTruthLine);
    names[i] = field->get<std::string>();
  }
  if (object.size() > names.size())
    throw InputError(where + ": has further fields, expected " + kTruthLine + " alone");
  return names;
}

}  // namespace

std::vector<bool> read_truth(const Graph& graph, const std::string& file) {
  const auto numbers = numbers_of(graph);
  std::vector<bool> truth(graph.edges.size(), false);
  tracing::for_each_line(
      file, "edge_attribution: truth", kTruthLine,
      [&](const nlohmann::json& object, const std::string& where) {
        const Names names = names_of_line(object, where);
        const std::string edge = names[0] + " to " + names[1] + "." + names[2];
        const auto found = numbers.find(names);
        if (found == numbers.end())
          throw InputError(where + ": the model does not have an edge from " + edge +
                           "; give names as in source, target and slot of the results");
        if (truth[found->second])
          throw InputError(where + ": the edge from " + edge + " is there twice; give it once");
        truth[found->second] = true;
      });
  if (std::all_of(truth.begin(), truth.end(), [](bool is_true) { return is_true; }))
    throw InputError("edge_attribution: truth '" + file +
                     "' names all edges, so that none is left to compare with; leave some out");
  return truth;
}

double auroc(const std::vector<double>& values, const std::vector<bool>& truth) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  double wins = 0, members = 0, others = 0;
  for (std::size_t first = 0; first < order.size();) {
    double equal_members = 0, equal_others = 0;
    std::size_t next = first;
    for (; next < order.size() && values[order[next]] == values[order[first]]; ++next)
      (truth[order[next]] ? equal_members : equal_others) += 1;
    wins += equal_members * (others + equal_others / 2);
    members += equal_members;
    others += equal_others;
    first = next;
  }
  return wins / (members * others);
}

void add_truth(Dataset& dataset, const at::Tensor& importance, const std::vector<bool>& truth) {
  const std::vector<std::int64_t> flags(truth.begin(), truth.end());
  dataset.add("in_truth", {"edge"}, at::tensor(flags, at::kLong).to(at::kChar), "1",
              "1: the truth says that the edge carries the answer");
  dataset.add("auroc", {},
              at::scalar_tensor(auroc(statistics::values_of(importance.abs()), truth), at::kDouble),
              "1",
              "share of pairs of a true edge and another one in which the true one has the larger "
              "importance by size; equal ones count half");
}

}  // namespace lensbench::edges
