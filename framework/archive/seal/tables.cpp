#include "archive/seal/tables.hpp"

#include <ATen/ATen.h>

#include "archive/run/case_file.hpp"
#include "core/dataset/names.hpp"

namespace lensbench {
namespace {

Variable text_column(const std::string& name, const std::string& dim, const std::string& long_name,
                     std::vector<std::string> values) {
  Variable variable;
  variable.name = name;
  variable.dims = {dim};
  variable.strings = std::move(values);
  variable.long_name = long_name;
  return variable;
}

Variable number_column(const std::string& name, const std::string& dim,
                       const std::string& long_name, at::Tensor values,
                       const std::string& units = "1") {
  Variable variable = text_column(name, dim, long_name, {});
  variable.tensor = std::move(values);
  variable.units = units;
  return variable;
}

at::Tensor longs(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}
at::Tensor ints(const std::vector<std::int64_t>& values) {
  return longs(values).to(at::kInt);
}

at::Tensor range(std::size_t count) {
  return at::arange(static_cast<std::int64_t>(count), at::kInt);
}

/// One text of each record.
template <class Record>
std::vector<std::string> texts_of(const std::vector<Record>& records, std::string Record::*field) {
  std::vector<std::string> texts;
  for (const Record& record : records) texts.push_back(record.*field);
  return texts;
}

template <class Record>
std::vector<std::int64_t> numbers_of(const std::vector<Record>& records,
                                     std::int64_t Record::*field) {
  std::vector<std::int64_t> numbers;
  for (const Record& record : records) numbers.push_back(record.*field);
  return numbers;
}

}  // namespace

Dataset receipts_table(const std::vector<ReceiptRecord>& records) {
  std::vector<Receipt> receipts;
  for (const ReceiptRecord& record : records) receipts.push_back(record.receipt);
  Dataset table = receipts_to_dataset(receipts);
  table.add(text_column("dataset", "receipt", "dataset it was measured on",
                        texts_of(records, &ReceiptRecord::dataset)));
  table.add(number_column("case", "receipt", "case with the worst value, -1 for all",
                          ints(numbers_of(records, &ReceiptRecord::case_number))));
  return table;
}

std::vector<ReceiptRecord> receipts_from_table(const Dataset& table) {
  std::vector<ReceiptRecord> records;
  std::int64_t row = 0;
  for (Receipt& receipt : receipts_from_dataset(table)) {
    records.push_back({std::move(receipt),
                       table["dataset"].strings.at(static_cast<std::size_t>(row)),
                       table["case"].tensor[row].item<std::int32_t>()});
    ++row;
  }
  return records;
}

Dataset recipe_table(const RunPlan& plan) {
  Dataset table;
  const auto add_text = [&](const std::string& name, const std::string& dim,
                            const std::string& long_name, std::vector<std::string> values) {
    table.add(text_column(name, dim, long_name, std::move(values)));
  };
  add_text("file_role", "file", "what the file was read as",
           texts_of(plan.files, &FileRecord::role));
  add_text("file_name", "file", "name of the file", texts_of(plan.files, &FileRecord::name));
  add_text("file_sha256", "file", "SHA-256 of its bytes",
           texts_of(plan.files, &FileRecord::sha256));
  table.add(number_column("file_bytes", "file", "size of the file",
                          longs(numbers_of(plan.files, &FileRecord::bytes)), "bytes"));
  add_text("plugin_name", "plugin", "name of the plug-in",
           texts_of(plan.plugins, &PluginRecord::name));
  add_text("plugin_version", "plugin", "version of the plug-in",
           texts_of(plan.plugins, &PluginRecord::version));
  add_text("plugin_sha256", "plugin", "SHA-256 of its library",
           texts_of(plan.plugins, &PluginRecord::sha256));
  add_text("plugin_entries", "plugin", "tools and experiments with their versions",
           texts_of(plan.plugins, &PluginRecord::entries));
  table.add_coordinate("case", range(plan.cases.size()), "number of the case");
  add_text("case_id", "case", "id of the case", texts_of(plan.cases, &CasePlan::id));
  add_text("text", "case", "prompt, empty where ids were given",
           texts_of(plan.cases, &CasePlan::text));
  table.add(number_column("n_tokens", "case", "tokens of the prompt",
                          longs(numbers_of(plan.cases, &CasePlan::n_tokens))));
  add_text("ids_sha256", "case", "SHA-256 of the token ids",
           texts_of(plan.cases, &CasePlan::ids_sha256));
  std::vector<std::int64_t> ids;
  for (const CasePlan& one : plan.cases) ids.insert(ids.end(), one.ids.begin(), one.ids.end());
  table.add(number_column("token_id", "prompt_token",
                          "token ids of the cases, n_tokens of each, one case after the other",
                          ints(ids)));
  return table;
}

Dataset units_table(const RunPlan& plan, const std::vector<UnitRecord>& units) {
  Dataset table;
  std::vector<std::int64_t> status;
  for (const UnitRecord& unit : units) status.push_back(static_cast<std::int64_t>(unit.status));
  table.add_coordinate("case", range(units.size()), "number of the case");
  table.add(text_column("case_id", "case", "id of the case", texts_of(plan.cases, &CasePlan::id)));
  table.add(number_column("status", "case", "0 planned, 1 complete, 2 failed",
                          longs(status).to(at::kChar)));
  table.add(text_column("error_text", "case", "why the case failed",
                        texts_of(units, &UnitRecord::error)));
  return table;
}

Dataset vocabulary_table(const std::map<std::int64_t, std::string>& texts,
                         const std::map<std::int64_t, std::string>& bytes) {
  Dataset table;
  std::vector<std::int64_t> ids;
  std::vector<std::string> values;
  for (const auto& [id, text] : texts) {
    ids.push_back(id);
    values.push_back(text);
  }
  table.add_coordinate("id", ints(ids), "token id");
  table.add(text_column("text", "id", "display text of the token", std::move(values)));
  if (bytes.empty()) return table;
  std::vector<std::int64_t> raw_ids, lengths, raw;
  for (const auto& [id, text] : bytes) {
    raw_ids.push_back(id);
    lengths.push_back(static_cast<std::int64_t>(text.size()));
    for (const char byte : text) raw.push_back(static_cast<unsigned char>(byte));
  }
  table.add(number_column("raw_id", "raw", "token whose text is not its bytes", ints(raw_ids)));
  table.add(number_column("raw_length", "raw", "bytes of the token", ints(lengths), "bytes"));
  table.add(number_column("raw_bytes", "byte", "bytes of these tokens, one after the other",
                          longs(raw).to(at::kByte)));
  return table;
}

std::map<std::string, Attribute> fact_attributes(const nlohmann::json& facts) {
  std::map<std::string, Attribute> attributes;
  if (!facts.is_object()) return attributes;
  for (const auto& [key, value] : facts.items()) {
    if (!is_variable_name(key) || key == "json") continue;
    if (value.is_boolean())
      attributes[key] = std::int64_t{value.get<bool>() ? 1 : 0};
    else if (value.is_number_integer())
      attributes[key] = value.get<std::int64_t>();
    else if (value.is_number())
      attributes[key] = value.get<double>();
    else if (value.is_string())
      attributes[key] = value.get<std::string>();
    else
      attributes[key] = value.dump();
  }
  return attributes;
}

}  // namespace lensbench
