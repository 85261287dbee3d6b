#include "archive/seal/tables.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include "core/dataset/names.hpp"
#include "core/text/json.hpp"

// Tables of an archive as datasets, and their inverses. Names and types of columns are part of the
// format of archives.

namespace lensbench {
namespace {

// Types in the archive: int64 for counts and sizes, int32 for numbers of rows, cases and tokens.
at::Tensor longs(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}
at::Tensor ints(const std::vector<std::int64_t>& values) {
  return longs(values).to(at::kInt);
}

at::Tensor range(std::size_t count) {
  return at::arange(static_cast<std::int64_t>(count), at::kInt);
}

/// Text member of each record.
template <class Record>
std::vector<std::string> texts_of(const std::vector<Record>& records, std::string Record::*field) {
  std::vector<std::string> texts;
  texts.reserve(records.size());
  for (const Record& record : records) texts.push_back(record.*field);
  return texts;
}

template <class Record>
std::vector<std::int64_t> numbers_of(const std::vector<Record>& records,
                                     std::int64_t Record::*field) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(records.size());
  for (const Record& record : records) numbers.push_back(record.*field);
  return numbers;
}

Dataset receipts_to_dataset(const std::vector<Receipt>& receipts) {
  std::vector<std::string> names, notes;
  std::vector<double> values, tolerances;
  std::vector<std::int64_t> flags;
  for (const Receipt& receipt : receipts) {
    names.push_back(receipt.name);
    notes.push_back(receipt.note);
    values.push_back(receipt.value);
    tolerances.push_back(receipt.tolerance);
    flags.push_back(receipt.passed ? 1 : 0);
  }
  Dataset dataset;
  dataset.add("name", "receipt", std::move(names), "fact that was checked");
  dataset.add("value", {"receipt"}, at::tensor(values, at::kDouble), "1", "what was measured");
  dataset.add("tolerance", {"receipt"}, at::tensor(tolerances, at::kDouble), "1",
              "the most it may be");
  dataset.add("passed", {"receipt"}, at::tensor(flags, at::kLong).to(at::kBool), "1",
              "value is within tolerance");
  dataset.add("note", "receipt", std::move(notes), "why this tolerance, or what was skipped");
  return dataset;
}

/// Receipts of a table. A run without receipts has a table without columns.
std::vector<Receipt> receipts_from_dataset(const Dataset& dataset) {
  std::vector<Receipt> receipts;
  if (!dataset.contains("name")) return receipts;
  for (std::int64_t i = 0; i < dataset.dim("receipt"); ++i) {
    const auto row = static_cast<std::size_t>(i);
    receipts.push_back({dataset["name"].strings.at(row), dataset["value"].tensor[i].item<double>(),
                        dataset["tolerance"].tensor[i].item<double>(),
                        dataset["passed"].tensor[i].item<bool>(), dataset["note"].strings.at(row)});
  }
  return receipts;
}

}  // namespace

/// Table `/receipts`: the worst value of each receipt with its dataset and case.
Dataset receipts_table(const std::vector<ReceiptRecord>& records) {
  std::vector<Receipt> receipts;
  receipts.reserve(records.size());
  for (const ReceiptRecord& record : records) receipts.push_back(record.receipt);
  Dataset table = receipts_to_dataset(receipts);
  table.add_coordinate("receipt", range(records.size()), "number of the receipt");
  table.add("dataset", "receipt", texts_of(records, &ReceiptRecord::dataset),
            "dataset it was measured on");
  table.add("case", {"receipt"}, ints(numbers_of(records, &ReceiptRecord::case_number)), "1",
            "case with the worst value, -1 for all");
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

namespace {

void add_files(Dataset& table, const RunPlan& plan) {
  table.add("file_role", "file", texts_of(plan.files, &FileRecord::role),
            "what the file was read as");
  table.add("file_name", "file", texts_of(plan.files, &FileRecord::name), "name of the file");
  table.add("file_sha256", "file", texts_of(plan.files, &FileRecord::sha256),
            "SHA-256 of its bytes");
  table.add("file_bytes", {"file"}, longs(numbers_of(plan.files, &FileRecord::bytes)), "bytes",
            "size of the file");
}

void add_plugins(Dataset& table, const RunPlan& plan) {
  table.add("plugin_name", "plugin", texts_of(plan.plugins, &PluginRecord::name),
            "name of the plug-in");
  table.add("plugin_version", "plugin", texts_of(plan.plugins, &PluginRecord::version),
            "version of the plug-in");
  table.add("plugin_sha256", "plugin", texts_of(plan.plugins, &PluginRecord::sha256),
            "SHA-256 of its library");
  table.add("plugin_entries", "plugin", texts_of(plan.plugins, &PluginRecord::entries),
            "tools and experiments with their versions");
  table.add("plugin_source", "plugin", texts_of(plan.plugins, &PluginRecord::source),
            "source text of the plug-in, empty where its library has none");
}

void add_cases(Dataset& table, const RunPlan& plan) {
  table.add("case_id", "case", texts_of(plan.cases, &CasePlan::id), "id of the case");
  table.add("text", "case", texts_of(plan.cases, &CasePlan::text),
            "prompt, empty where ids were given");
  table.add("n_tokens", {"case"}, longs(numbers_of(plan.cases, &CasePlan::n_tokens)), "1",
            "tokens of the prompt");
  table.add("ids_sha256", "case", texts_of(plan.cases, &CasePlan::ids_sha256),
            "SHA-256 of the token ids");
  table.add("corrupted_text", "case", texts_of(plan.cases, &CasePlan::corrupted_text),
            "second prompt, empty where there is none or ids were given");
  table.add("corrupted_ids_sha256", "case", texts_of(plan.cases, &CasePlan::corrupted_ids_sha256),
            "SHA-256 of the token ids of the second prompt, empty without one");
}

/// Pictures of all cases, one after the other. Runs without pictures do not have this axis.
void add_pictures(Dataset& table, const RunPlan& plan) {
  std::vector<PictureRecord> all;
  std::vector<std::int64_t> cases;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const auto& own = plan.cases[i].pictures;
    all.insert(all.end(), own.begin(), own.end());
    cases.insert(cases.end(), own.size(), static_cast<std::int64_t>(i));
  }
  if (all.empty()) return;
  table.add_coordinate("image", range(all.size()), "number of the picture");
  table.add("image_case", {"image"}, longs(cases), "1", "number of the case that has it");
  const auto texts = [&](const char* name, std::string PictureRecord::*member,
                         const char* meaning) {
    table.add(name, "image", texts_of(all, member), meaning);
  };
  texts("image_name", &PictureRecord::name, "name of the file");
  texts("image_file_sha256", &PictureRecord::sha256, "SHA-256 of the bytes of the file");
  texts("image_rgb_sha256", &PictureRecord::rgb_sha256,
        "SHA-256 of the upright RGB bytes, row by row");
  texts("image_format", &PictureRecord::format, "format of the file");
  texts("image_changes", &PictureRecord::changes,
        "what became of alphas and of 16-bit values; empty: nothing was done");
  const auto numbers = [&](const char* name, std::int64_t PictureRecord::*member, const char* units,
                           const char* meaning) {
    table.add(name, {"image"}, longs(numbers_of(all, member)), units, meaning);
  };
  numbers("orientation", &PictureRecord::orientation, "1", "orientation of EXIF, 1 to 8");
  numbers("stored_width", &PictureRecord::stored_width, "pixels", "width in the file");
  numbers("stored_height", &PictureRecord::stored_height, "pixels", "height in the file");
  numbers("upright_width", &PictureRecord::upright_width, "pixels",
          "width after the turn of the orientation");
  numbers("upright_height", &PictureRecord::upright_height, "pixels",
          "height after the turn of the orientation");
  numbers("resized_width", &PictureRecord::resized_width, "pixels", "width that the model reads");
  numbers("resized_height", &PictureRecord::resized_height, "pixels",
          "height that the model reads");
  numbers("token_columns", &PictureRecord::token_columns, "1", "tokens from left to right");
  numbers("token_rows", &PictureRecord::token_rows, "1", "tokens from top to bottom");
}

}  // namespace

Dataset recipe_table(const RunPlan& plan) {
  Dataset table;
  // A dimension without values is a dataset of zeros for readers without the convention of netCDF.
  table.add_coordinate("file", range(plan.files.size()), "number of the file");
  table.add_coordinate("plugin", range(plan.plugins.size()), "number of the plug-in");
  add_files(table, plan);
  add_plugins(table, plan);
  table.add_coordinate("case", range(plan.cases.size()), "number of the case");
  add_cases(table, plan);
  std::vector<std::string> fields;
  for (const CasePlan& one : plan.cases) fields.push_back(canonical_json(one.fields));
  table.add("fields", "case", std::move(fields), "other fields of the case, as JSON");
  // Token ids of all cases follow each other; `n_tokens` says where each case begins.
  std::vector<std::int64_t> ids;
  for (const CasePlan& one : plan.cases) ids.insert(ids.end(), one.ids.begin(), one.ids.end());
  table.add_coordinate("prompt_token", range(ids.size()), "number of the token");
  table.add("token_id", {"prompt_token"}, ints(ids), "1",
            "token ids of the cases, n_tokens of each, one case after the other");
  add_pictures(table, plan);
  return table;
}

/// Table `/units`: what became of each case. The digests are added by `add_digests`.
Dataset units_table(const RunPlan& plan, const std::vector<UnitRecord>& units) {
  Dataset table;
  std::vector<std::int64_t> status;
  status.reserve(units.size());
  for (const UnitRecord& unit : units) status.push_back(static_cast<std::int64_t>(unit.status));
  table.add_coordinate("case", range(units.size()), "number of the case");
  table.add("case_id", "case", texts_of(plan.cases, &CasePlan::id), "id of the case");
  table.add("status", {"case"}, longs(status).to(at::kChar), "1",
            "0 planned, 1 complete, 2 failed");
  table.add("error_text", "case", texts_of(units, &UnitRecord::error), "why the case failed");
  return table;
}

/// Table `/vocabulary`. A token may be part of a UTF-8 character, so that its text is only a
/// display form; the exact bytes of such tokens are stored in addition.
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
  table.add("text", "id", std::move(values), "display text of the token");
  if (bytes.empty()) return table;
  // Bytes of all these tokens follow each other, since tokens have different lengths.
  std::vector<std::int64_t> raw_ids, lengths, raw;
  for (const auto& [id, text] : bytes) {
    raw_ids.push_back(id);
    lengths.push_back(static_cast<std::int64_t>(text.size()));
    for (const char byte : text) raw.push_back(static_cast<unsigned char>(byte));
  }
  table.add_coordinate("raw", range(raw_ids.size()), "number of the token");
  table.add_coordinate("byte", range(raw.size()), "number of the byte");
  table.add("raw_id", {"raw"}, ints(raw_ids), "1", "token whose text is not its bytes");
  table.add("raw_length", {"raw"}, ints(lengths), "bytes", "bytes of the token");
  table.add("raw_bytes", {"byte"}, longs(raw).to(at::kByte), "1",
            "bytes of these tokens, one after the other");
  return table;
}

/// Facts that can be attributes. Names that readers could not use are left out; the JSON has all
/// facts.
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
