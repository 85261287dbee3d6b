#include "grading/archive/record_datasets.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "grading/claims/claim.hpp"
#include "grading/run/truth_tables.hpp"

// A record as datasets whose rows are joined over tasks. A row of `claims` names its tool by the
// number of its row in `tools`, and has the number of its rows in `items_TOOL`.

namespace lensbench::grading {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kRow = "case";
constexpr const char* kTools = "tools";
constexpr const char* kClaims = "claims";

/// The columns of a table with one row for each value.
struct Columns {
  Dataset dataset;

  void texts(const std::string& name, std::vector<std::string> values, const std::string& meaning) {
    dataset.add(name, kRow, std::move(values), meaning);
  }
  void numbers(const std::string& name, const std::vector<double>& values,
               const std::string& meaning) {
    dataset.add(name, {kRow}, at::tensor(values, at::kDouble), "1", meaning);
  }
  void counts(const std::string& name, const std::vector<std::int64_t>& values,
              const std::string& meaning) {
    dataset.add(name, {kRow}, at::tensor(values, at::kLong).to(at::kInt), "1", meaning);
  }
};

/// A member of each element.
template <class Element, class Member>
auto column(const std::vector<Element>& elements, Member member) {
  std::vector<std::decay_t<decltype(member(elements.front()))>> values;
  values.reserve(elements.size());
  for (const Element& element : elements) values.push_back(member(element));
  return values;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Dataset tools_dataset(const TaskRecord& record) {
  Columns table;
  const auto texts = [&](const char* name, auto member, const char* meaning) {
    table.texts(name, column(record, member), meaning);
  };
  const auto counts = [&](const char* name, auto member, const char* meaning) {
    table.counts(name, column(record, member), meaning);
  };
  texts(
      "tool", [](const ToolRecord& one) { return one.tool; }, "name of the tool");
  texts(
      "settings", [](const ToolRecord& one) { return one.settings; }, "settings of the tool");
  counts(
      "answered", [](const ToolRecord& one) { return std::int64_t(one.answered); },
      "prompts with a result");
  counts(
      "failed", [](const ToolRecord& one) { return std::int64_t(one.failed); },
      "prompts on which the tool failed");
  texts(
      "refusal", [](const ToolRecord& one) { return one.refusal; },
      "why the tool has no answer, empty where it has one");
  texts(
      "failure", [](const ToolRecord& one) { return one.failure; },
      "reason of the first prompt that failed");
  counts(
      "claims_nothing", [](const ToolRecord& one) { return std::int64_t(one.claims_nothing); },
      "1: the results of the tool make no claim");
  texts(
      "not_graded", [](const ToolRecord& one) { return joined(one.later); },
      "claims that this version does not grade");
  return std::move(table.dataset);
}

/// A claim with the number of its tool.
struct PlacedClaim {
  std::size_t tool;
  const ClaimRecord* claim;
};

Dataset claims_dataset(const std::vector<PlacedClaim>& claims) {
  Columns table;
  table.counts("tool",
               column(claims, [](const PlacedClaim& one) { return std::int64_t(one.tool); }),
               "row of the tool in the dataset tools, within the task");
  table.texts("claim", column(claims, [](const PlacedClaim& one) { return one.claim->claim; }),
              "name of the claim");
  table.counts(
      "of_stream",
      column(claims, [](const PlacedClaim& one) { return std::int64_t(one.claim->of_stream); }),
      "1: its items are places of the stream");
  table.counts("items",
               column(claims,
                      [](const PlacedClaim& one) {
                        return static_cast<std::int64_t>(one.claim->items.size());
                      }),
               "number of its items");
  table.counts(
      "on_shuffled",
      column(claims,
             [](const PlacedClaim& one) { return std::int64_t(one.claim->shuffled.has_value()); }),
      "1: the tool makes the claim on the shuffled model, too");
  table.counts(
      "on_permuted",
      column(claims,
             [](const PlacedClaim& one) { return std::int64_t(one.claim->permuted.has_value()); }),
      "1: there are claims of permuted labels or tokens");
  table.texts("contradiction",
              column(claims, [](const PlacedClaim& one) { return one.claim->contradiction; }),
              "how two variables differ, empty where none do");
  table.numbers("null",
                column(claims, [](const PlacedClaim& one) { return one.claim->null_largest; }),
                "largest claim where both prompts are equal (NaN: not asked)");
  table.numbers("gauge",
                column(claims, [](const PlacedClaim& one) { return one.claim->gauge_change; }),
                "largest change of the claim in another basis (NaN: not asked)");
  table.counts(
      "candidates",
      column(claims, [](const PlacedClaim& one) { return std::int64_t(one.claim->candidates); }),
      "features that were matched with the planted ones; 0: the claim is not about features");
  return std::move(table.dataset);
}

/// Rows of numbers, each filled with NaN to one length.
at::Tensor padded(const std::vector<const std::vector<double>*>& rows, std::size_t length) {
  at::Tensor all = at::full({static_cast<std::int64_t>(rows.size()), std::int64_t(length)},
                            kMissing, at::kDouble);
  double* values = all.data_ptr<double>();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != nullptr) std::copy(rows[i]->begin(), rows[i]->end(), values + i * length);
  return all;
}

/// What is true of an item, by its name.
struct KnownItem {
  const std::vector<double>* truth = nullptr;
  std::int64_t member = -1;
};

std::map<std::string, KnownItem> known_items(const ItemTable& table) {
  std::map<std::string, KnownItem> known;
  for (std::size_t i = 0; i < table.items.size(); ++i) {
    KnownItem& item = known[table.items[i]];
    item.truth = &table.truth[i];
    if (i < table.membership.size() && table.membership[i] != Membership::ignored)
      item.member = table.membership[i] == Membership::member ? 1 : 0;
  }
  return known;
}

Dataset items_dataset(const ToolRecord& record, const Truth& truth, const Task& task,
                      std::size_t prompts) {
  std::vector<std::string> claims, items;
  std::vector<std::int64_t> members;
  std::vector<const std::vector<double>*> claimed, shuffled, permuted, truths;
  std::vector<ItemTable> tables;
  tables.reserve(record.claims.size());
  for (const ClaimRecord& claim : record.claims) {
    tables.push_back(
        truth_table(truth, task, find_claim(claim.claim), claim.of_stream).value_or(ItemTable()));
    const auto known = known_items(tables.back());
    for (std::size_t i = 0; i < claim.items.size(); ++i) {
      const auto found = known.find(claim.items[i]);
      const KnownItem item = found == known.end() ? KnownItem() : found->second;
      claims.push_back(claim.claim);
      items.push_back(claim.items[i]);
      members.push_back(item.member);
      claimed.push_back(&claim.claimed[i]);
      shuffled.push_back(claim.shuffled ? &(*claim.shuffled)[i] : nullptr);
      permuted.push_back(claim.permuted ? &(*claim.permuted)[i] : nullptr);
      truths.push_back(item.truth);
    }
  }
  Columns table;
  table.texts("claim", std::move(claims), "name of the claim");
  table.texts("item", std::move(items), "component, layer, or LAYER,POSITION of the stream");
  table.counts("member", members, "1: planted for this task, 0: not, -1: not known");
  const std::vector<std::string> dims = {kRow, "prompt"};
  table.dataset.add("claimed", dims, padded(claimed, prompts), "1",
                    "what the tool claims (NaN: it does not answer, or there is no such prompt)");
  table.dataset.add("true", dims, padded(truths, prompts), "1",
                    "what is true (NaN: not known, or there is no such prompt)");
  table.dataset.add("shuffled", dims, padded(shuffled, prompts), "1",
                    "what the tool claims of the shuffled model (NaN: as claimed)");
  table.dataset.add("permuted", dims, padded(permuted, prompts), "1",
                    "what it claims of permuted labels or tokens (NaN: as claimed, or not asked)");
  table.dataset.add_coordinate("prompt", at::arange(std::int64_t(prompts), at::kInt),
                               "number of the prompt in its task");
  return std::move(table.dataset);
}

/// Names of the datasets of items: a tool with several settings has several.
std::vector<std::string> item_names(const std::vector<std::string>& tools) {
  std::vector<std::string> names;
  std::map<std::string, int> seen;
  for (const std::string& tool : tools) {
    const int n = ++seen[tool];
    names.push_back("items_" + tool + (n == 1 ? "" : "_" + std::to_string(n)));
  }
  return names;
}

Table table_of(const at::Tensor& values, std::int64_t first, std::size_t rows,
               std::size_t columns) {
  const auto all = values.accessor<double, 2>();
  Table table(rows, std::vector<double>(columns));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t p = 0; p < columns; ++p)
      table[i][p] = all[first + std::int64_t(i)][std::int64_t(p)];
  return table;
}

std::int64_t count_at(const Dataset& dataset, const char* name, std::int64_t row) {
  return dataset[name].tensor[row].item<std::int64_t>();
}

TaskRecord tools_of(const Dataset& dataset) {
  TaskRecord record(static_cast<std::size_t>(dataset.dim(kRow)));
  for (std::size_t i = 0; i < record.size(); ++i) {
    ToolRecord& one = record[i];
    const auto row = static_cast<std::int64_t>(i);
    one.tool = dataset["tool"].strings.at(i);
    one.settings = dataset["settings"].strings.at(i);
    one.answered = static_cast<std::size_t>(count_at(dataset, "answered", row));
    one.failed = static_cast<std::size_t>(count_at(dataset, "failed", row));
    one.refusal = dataset["refusal"].strings.at(i);
    one.failure = dataset["failure"].strings.at(i);
    one.claims_nothing = count_at(dataset, "claims_nothing", row) != 0;
    one.later = split(dataset["not_graded"].strings.at(i));
  }
  return record;
}

}  // namespace

std::map<std::string, Dataset> datasets_of(const TaskRecord& record, const Truth& truth,
                                           const Task& task, std::size_t prompts) {
  std::map<std::string, Dataset> datasets;
  datasets[kTools] = tools_dataset(record);
  const auto names = item_names(column(record, [](const ToolRecord& one) { return one.tool; }));
  std::vector<PlacedClaim> claims;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i].claims.empty()) continue;
    for (const ClaimRecord& claim : record[i].claims) claims.push_back({i, &claim});
    datasets[names[i]] = items_dataset(record[i], truth, task, prompts);
  }
  if (!claims.empty()) datasets[kClaims] = claims_dataset(claims);
  return datasets;
}

TaskRecord record_of(const std::function<std::optional<Dataset>(const std::string&)>& read,
                     const Task& task) {
  TaskRecord record = tools_of(read(kTools).value());
  const auto claims = read(kClaims);
  if (!claims) return record;
  const auto names = item_names(column(record, [](const ToolRecord& one) { return one.tool; }));
  std::map<std::size_t, std::pair<Dataset, std::int64_t>> items;  ///< with the rows that were read
  for (std::int64_t row = 0; row < claims->dim(kRow); ++row) {
    const auto tool = static_cast<std::size_t>(count_at(*claims, "tool", row));
    auto found = items.find(tool);
    if (found == items.end())
      found = items.emplace(tool, std::pair(read(names.at(tool)).value(), std::int64_t{0})).first;
    auto& [dataset, first] = found->second;
    ClaimRecord claim;
    claim.claim = (*claims)["claim"].strings.at(static_cast<std::size_t>(row));
    claim.of_stream = count_at(*claims, "of_stream", row) != 0;
    claim.contradiction = (*claims)["contradiction"].strings.at(static_cast<std::size_t>(row));
    claim.null_largest = (*claims)["null"].tensor[row].item<double>();
    claim.gauge_change = (*claims)["gauge"].tensor[row].item<double>();
    // Archives of version 1 without claims about features do not have the number.
    if (claims->contains("candidates"))
      claim.candidates = static_cast<std::size_t>(count_at(*claims, "candidates", row));
    const auto n = static_cast<std::size_t>(count_at(*claims, "items", row));
    const auto& texts = dataset["item"].strings;
    claim.items.assign(texts.begin() + first, texts.begin() + first + std::int64_t(n));
    claim.claimed = table_of(dataset["claimed"].tensor, first, n, task.prompts.size());
    if (count_at(*claims, "on_shuffled", row) != 0)
      claim.shuffled = table_of(dataset["shuffled"].tensor, first, n, task.prompts.size());
    // Archives of version 1 from before this control do not have it.
    if (claims->contains("on_permuted") && count_at(*claims, "on_permuted", row) != 0)
      claim.permuted = table_of(dataset["permuted"].tensor, first, n, task.prompts.size());
    first += std::int64_t(n);
    record.at(tool).claims.push_back(std::move(claim));
  }
  return record;
}

}  // namespace lensbench::grading
