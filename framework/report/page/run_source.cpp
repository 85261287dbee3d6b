#include "report/page/run_source.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <memory>
#include <utility>

#include "archive/run/plan_files.hpp"
#include "report/summary/archive_tokens.hpp"
#include "report/summary/show_costs.hpp"

namespace lensbench::page {
namespace {

using nlohmann::json;

/// Rows of a table as objects. \param columns  key in the object -> column of the table
json rows_of(const Dataset& table,
             const std::vector<std::pair<const char*, const char*>>& columns) {
  json rows = json::array();
  for (const auto& [key, name] : columns) {
    if (!table.contains(name)) continue;
    const Variable& column = table[name];
    const std::int64_t length =
        column.is_text() ? std::ssize(column.strings) : column.tensor.numel();
    while (std::ssize(rows) < length) rows.push_back(json::object());
    for (std::int64_t i = 0; i < length; ++i) {
      json& cell = rows[static_cast<std::size_t>(i)][key];
      if (column.is_text())
        cell = column.strings[static_cast<std::size_t>(i)];
      else
        cell = column.tensor[i].item<std::int64_t>();
    }
  }
  return rows;
}

std::vector<double> seconds_of(const Dataset& costs) {
  if (!costs.contains("case_seconds") || costs["case_seconds"].is_text()) return {};
  const at::Tensor values = costs["case_seconds"].tensor.to(at::kDouble).contiguous().flatten();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

std::string text_of(const json& facts, const char* key) {
  return facts.is_object() && facts.contains(key) && facts[key].is_string()
             ? facts[key].get<std::string>()
             : "";
}

std::string count_of(std::size_t complete, std::size_t planned) {
  return std::to_string(complete) + " of " + std::to_string(planned) + " cases";
}

/// The worst receipt of each name in what an interrupted run has saved.
void add_receipts(RunSource& source, const CommittedResults& run, std::int64_t number) {
  for (const std::string& name : source.names) {
    for (const Receipt& receipt : run.read(name, {number}).receipts) {
      const auto known = std::find_if(
          source.receipts.begin(), source.receipts.end(), [&](const ReceiptRecord& one) {
            return one.dataset == name && one.receipt.name == receipt.name;
          });
      if (known == source.receipts.end())
        source.receipts.push_back({receipt, name, number});
      else if (is_worse(receipt, known->receipt))
        *known = {receipt, name, number};
    }
  }
}

}  // namespace

StoredDataset stored_form(const Dataset& dataset) {
  StoredDataset stored;
  for (const Variable& variable : dataset.variables()) {
    StoredVariable one;
    one.facts = variable;
    one.shape = variable.shape();
    if (!variable.is_text()) {
      one.facts.tensor = at::Tensor();
      one.type = variable.tensor.scalar_type();
      one.rows = [values = variable.tensor](const std::vector<std::int64_t>& index,
                                            std::int64_t first, std::int64_t count) {
        if (values.dim() == 0) return values;
        at::Tensor part = values;
        for (std::size_t axis = 0; axis < index.size(); ++axis)
          part = part.narrow(static_cast<std::int64_t>(axis), index[axis], 1);
        return part.narrow(static_cast<std::int64_t>(index.size()), first, count);
      };
    }
    stored.variables.push_back(std::move(one));
  }
  stored.attributes = dataset.attributes;
  stored.receipts = dataset.receipts;
  return stored;
}

std::vector<std::int64_t> complete_cases(const RunSource& source) {
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < source.cases.size(); ++i)
    if (source.cases[i].status == CaseStatus::complete)
      numbers.push_back(static_cast<std::int64_t>(i));
  return numbers;
}

RunSource source_of(const ArchiveReader& archive) {
  RunSource source;
  source.file = archive.path().filename().string();
  source.title = archive.attribute("title");
  source.experiment = archive.attribute("experiment");
  source.experiment_version = archive.attribute("experiment_version");
  source.format = archive.format();
  for (const char* name : {"results", "recipe", "environment", "seal"})
    source.digests[name] = archive.attribute(std::string(name) + "_sha256");
  source.request = archive.request();
  source.environment = archive.environment();
  source.run = archive.run();
  const Dataset costs = archive.costs(), recipe = archive.recipe();
  source.costs = describe_costs_json(costs, archive.path().string());
  source.seconds = seconds_of(costs);
  source.files = rows_of(recipe, {{"role", "file_role"},
                                  {"name", "file_name"},
                                  {"sha256", "file_sha256"},
                                  {"bytes", "file_bytes"}});
  source.plugins = rows_of(recipe, {{"name", "plugin_name"},
                                    {"version", "plugin_version"},
                                    {"sha256", "plugin_sha256"},
                                    {"tools", "plugin_entries"}});
  source.cases = archive.cases();
  source.receipts = archive.receipts();
  source.names = archive.names();
  std::erase(source.names, kPictureFiles);
  if (!archive.complete())
    source.incomplete = "This archive is incomplete: " +
                        count_of(complete_cases(source).size(), source.cases.size()) +
                        " have results.";
  source.stored = [&archive](const std::string& name, const std::vector<std::int64_t>&) {
    return archive.stored(name);
  };
  source.token = token_texts_of(archive);
  return source;
}

RunSource source_of(const CommittedResults& run, const TokenText& token) {
  const std::filesystem::path plan = run.folder() / "plan";
  const json request = planned_request(plan);
  RunSource source;
  source.sealed = false;
  source.file = run.folder().filename().string();
  source.title = text_of(request, "title");
  source.experiment = text_of(request, "experiment");
  source.experiment_version = text_of(request, "experiment_version");
  source.request = request.value("request", json::object());
  source.files = request.value("files", json::array());
  source.plugins = request.value("plugins", json::array());
  for (json& plugin : source.plugins)
    plugin = {{"name", text_of(plugin, "name")},
              {"version", text_of(plugin, "version")},
              {"sha256", text_of(plugin, "sha256")},
              {"tools", text_of(plugin, "entries")}};
  source.environment = source.run = source.costs = json::object();
  source.cases = run.cases();
  source.names = run.names();
  std::erase(source.names, kPictureFiles);
  for (std::size_t i = 0; i < source.cases.size(); ++i) {
    const json one = planned_case(plan, i);
    source.cases[i].text = text_of(one, "text");
    source.cases[i].n_tokens = one.value("n_tokens", std::int64_t{0});
  }
  const auto complete = complete_cases(source);
  for (const std::int64_t number : complete) add_receipts(source, run, number);
  source.incomplete = "This run is incomplete: " + count_of(complete.size(), source.cases.size()) +
                      " are safe so far, and summaries over all cases follow after the last one.";
  source.stored = [&run](const std::string& name, const std::vector<std::int64_t>& cases) {
    return stored_form(run.read(name, cases));
  };
  source.token = token;
  return source;
}

}  // namespace lensbench::page
