#include "report/page/index.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/text/shell_words.hpp"
#include "core/version.hpp"
#include "report/page/compare.hpp"
#include "report/page/escape.hpp"

namespace lensbench::page {
namespace {

using nlohmann::json;

/// A number that JSON has; null for NaN and infinities.
json finite(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json attributes_json(const std::map<std::string, Attribute>& attributes) {
  json out = json::object();
  for (const auto& [name, value] : attributes)
    out[name] = std::visit(
        [](const auto& one) -> json {
          if constexpr (std::is_same_v<std::decay_t<decltype(one)>, double>)
            return finite(one);
          else
            return one;
        },
        value);
  return out;
}

at::Tensor float_column(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).to(at::kFloat);
}

std::string type_of(const PageVariable& variable) {
  if (!variable.stored->rows) return "string";
  switch (variable.stored->type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    default:
      return "int8";  // int8, uint8 and truth values
  }
}

/// Whether values are drawn around 0: as the attribute `signed` says, else where recoveries are
/// drawn and where the embedded values have both signs. Logits have both, but no meaning of 0.
bool is_signed(const PageVariable& variable, const std::string& view, bool both_signs) {
  const auto found = variable.facts().attributes.find("signed");
  if (found != variable.facts().attributes.end())
    if (const auto* number = std::get_if<std::int64_t>(&found->second)) return *number != 0;
  if (view == "patching") return true;
  return both_signs && variable.name.find("logit") == std::string::npos;
}

/// Writes one archive.
class ArchiveWriter {
 public:
  ArchiveWriter(const PageContent& content, std::size_t run, BlockList& blocks)
      : content_(content),
        run_(run),
        blocks_(blocks),
        page_(content.runs[run]),
        source_(*page_.source) {}

  json write() {
    json archive = facts();
    archive["receipts"] = receipts();
    archive["cases"] = cases();
    archive["results"] = json::array();
    for (std::size_t r = 0; r < page_.results.size(); ++r) archive["results"].push_back(result(r));
    archive["vocabulary"] = vocabulary();
    if (run_ < content_.of_cases.size()) archive["images"] = images();
    archive["profile"] = profile();
    archive["profile_blocks"] = source_.costs.value("profile", json::array());
    return archive;
  }

 private:
  json facts() const {
    const bool of_tool = source_.request.value("kind", "") == "tool";
    json archive = {
        {"file", source_.file},
        {"title", content_.request.title.empty() ? source_.title : content_.request.title},
        {"complete", source_.incomplete.empty()},
        {"experiment", of_tool ? "" : source_.experiment},
        {"experiment_version", of_tool ? "" : source_.experiment_version},
        {"tools", tools()},
        {"model", model_name(source_)},
        {"architecture", architecture()},
        {"digests", source_.digests},
        {"verified", source_.sealed},
        {"format", source_.format},
        {"request", source_.request},
        {"files", source_.files},
        {"plugins", source_.plugins},
        {"environment", name_value_pairs(source_.environment)},
        {"run", name_value_pairs(source_.run)},
        {"commands", commands_of(source_)}};
    if (!source_.incomplete.empty()) archive["incomplete"] = source_.incomplete;
    return archive;
  }

  json tools() const {
    json names = json::array();
    const json listed = source_.request.value("tools", json::array());
    for (const json& tool : listed) {
      if (tool.is_string()) names.push_back(tool);
      if (tool.is_object() && tool.contains("name")) names.push_back(tool["name"]);
    }
    return names;
  }

  std::string architecture() const {
    const json model = source_.request.value("model", json::object());
    return model.is_object() && model.contains("family") && model["family"].is_string()
               ? model["family"].get<std::string>()
               : "";
  }

  // An archive has the most severe value of each receipt, and so one case that failed at most.
  json receipts() const {
    json list = json::array();
    for (const ReceiptRecord& one : source_.receipts) {
      const bool known = one.case_number >= 0 && one.case_number < std::ssize(source_.cases);
      const std::string id =
          known ? source_.cases[static_cast<std::size_t>(one.case_number)].id : "";
      json failed = json::array();
      if (!one.receipt.passed && known) failed.push_back(id);
      list.push_back({{"result", one.dataset},
                      {"name", one.receipt.name},
                      {"value", finite(one.receipt.value)},
                      {"tolerance", finite(one.receipt.tolerance)},
                      {"passed", one.receipt.passed},
                      {"note", one.receipt.note},
                      {"failed_cases", failed},
                      {"worst_case", id}});
    }
    return list;
  }

  json cases() {
    std::vector<std::string> ids, texts, errors;
    std::vector<std::int64_t> status, tokens;
    for (const CaseRecord& one : source_.cases) {
      ids.push_back(one.id);
      texts.push_back(cut(valid_text(one.text), 200));
      errors.push_back(one.error);
      status.push_back(static_cast<std::int64_t>(one.status));
      tokens.push_back(one.n_tokens);
    }
    std::vector<double> seconds = source_.seconds;
    seconds.resize(ids.size(), std::nan(""));
    json columns = json::array();
    for (const CaseColumn& column : content_.columns[run_])
      columns.push_back({{"name", column.name},
                         {"unit", column.unit},
                         {"what", column.what},
                         {"block", number(float_column(column.values))}});
    return {{"count", ids.size()},
            {"id", blocks_.add(ids)},
            {"text", blocks_.add(texts)},
            {"error", blocks_.add(errors)},
            {"status", number(at::tensor(status, at::kLong))},
            {"tokens", number(at::tensor(tokens, at::kLong))},
            {"seconds", number(float_column(seconds))},
            {"columns", columns},
            {"chosen", page_.chosen}};
  }

  // Where a picture is missing, the page says why.
  json images() {
    json all = json::object();
    for (const auto& [number, pictures] : content_.of_cases[run_])
      for (const CasePicture& one : pictures) {
        json entry = {{"name", one.name}, {"sha256", one.sha256}};
        if (one.reason.empty())
          entry.update(
              {{"width", one.width}, {"height", one.height}, {"source", blocks_.add(one.source)}});
        else
          entry["reason"] = one.reason;
        all[std::to_string(number)].push_back(std::move(entry));
      }
    return all;
  }

  json number(const at::Tensor& values) { return blocks_.add(values); }

  json result(std::size_t r) {
    const PageResult& one = *page_.results[r];
    json dims = json::array(), tokens = json::object(), variables = json::array();
    for (const PageDim& dim : one.dims)
      dims.push_back({{"name", dim.name},
                      {"size", dim.size},
                      {"labels", dim.labels.empty() ? json() : blocks_.add(dim.labels)}});
    for (const PageTokens& axis : one.tokens) {
      json entry = {{"start", axis.start}, {"count", axis.count}};
      entry["position"] = number(axis.position);
      if (axis.input_id.defined()) entry["input_id"] = number(axis.input_id);
      entry["input_token"] = blocks_.add(axis.input_token);
      tokens[std::to_string(axis.number)] = std::move(entry);
    }
    for (std::size_t v = 0; v < one.variables.size(); ++v) variables.push_back(variable(r, v));
    const std::string tool = tool_of(one);
    return {{"name", one.name}, {"tool", tool},
            {"dims", dims},     {"attributes", attributes_json(one.data.attributes)},
            {"tokens", tokens}, {"variables", variables}};
  }

  // A run of one tool saves its result under the name of the tool; an experiment may choose others.
  std::string tool_of(const PageResult& result) const {
    const json all = tools();
    for (const json& name : all)
      if (name == result.name) return result.name;
    return all.size() == 1 && all[0].is_string() ? all[0].get<std::string>() : "";
  }

  json variable(std::size_t r, std::size_t v) {
    const PageResult& result = *page_.results[r];
    const PageVariable& one = result.variables[v];
    const std::string view = view_of(one, result);
    json parts = json::array();
    bool negative = false, positive = false;
    std::size_t missing = 0;
    for (std::size_t p = 0; p < one.parts.size(); ++p) {
      const auto found = content_.filled.parts.find({run_, r, v, p});
      if (found == content_.filled.parts.end()) {
        ++missing;
        continue;
      }
      negative = negative || found->second.negative;
      positive = positive || found->second.positive;
      const std::int64_t number = one.parts[p].number;
      parts.push_back({{"case", number < 0 ? json() : json(number)},
                       {"shape", found->second.shape},
                       {"block", blocks_.add(found->second.block)}});
    }
    json out = {{"name", one.name},
                {"long_name", one.facts().long_name},
                {"description", one.facts().long_name},
                {"unit", one.facts().units},
                {"view", view},
                {"dims", one.dims},
                {"type", type_of(one)},
                {"is_token_id", one.facts().holds == Holds::token_ids},
                {"signed", is_signed(one, view, negative && positive)},
                {"attributes", attributes_json(one.facts().attributes)},
                {"parts", std::move(parts)}};
    if (one.facts().coordinate) out["coordinate"] = true;
    if (const auto interval = interval_of(one, result);
        !interval.empty() && interval.front() != one.name)
      out["interval"] = interval.size() == 1 ? json(interval.front()) : json(interval);
    if (missing > 0 || one.parts.empty()) out["left_out"] = reason(result, one, missing);
    return out;
  }

  std::string reason(const PageResult& result, const PageVariable& variable,
                     std::size_t missing) const {
    const std::string command = "lensbench export " + shell_word(source_.file) + " " + result.name +
                                "/" + variable.stored->facts.name;
    const std::string subject =
        variable.parts.empty() ? "no chosen case has values"
        : missing == variable.parts.size()
            ? "does not fit into " + std::to_string(content_.request.max_bytes) + " bytes"
            : std::to_string(missing) + " of " + std::to_string(variable.parts.size()) +
                  " cases do not fit into " + std::to_string(content_.request.max_bytes) + " bytes";
    return subject + "; all values: " +
           (source_.sealed ? command : commands_of(source_)["show"].get<std::string>());
  }

  // Only the ids that occur in what the page has.
  json vocabulary() {
    std::vector<std::string> texts;
    const std::vector<std::int64_t> ids(content_.filled.ids[run_].begin(),
                                        content_.filled.ids[run_].end());
    texts.reserve(ids.size());
    for (const std::int64_t id : ids) texts.push_back(source_.token(id));
    json out = {{"id", number(at::tensor(ids, at::kLong))}};
    out["text"] = blocks_.add(texts);
    return out;
  }

  json profile() const {
    json list = json::array();
    const json tools = source_.costs.value("tools", json::object());
    for (const auto& [name, cost] : tools.items())
      list.push_back({{"tool", name},
                      {"seconds", cost.value("seconds", json())},
                      {"bytes", cost.value("peak_memory_bytes", json())},
                      {"cases", complete_cases(source_).size()}});
    return list;
  }

  const PageContent& content_;
  std::size_t run_;
  BlockList& blocks_;
  const PageRun& page_;
  const RunSource& source_;
};

}  // namespace

json BlockList::add(Block block) {
  if (block.data.empty()) return std::move(block.head);
  block.head["block"] = data_.size();
  data_.push_back(std::move(block.data));
  return std::move(block.head);
}

std::string generator() {
  return "lensbench " + build_info().version;
}

std::string model_name(const RunSource& source) {
  if (!source.run.is_object() || !source.run.contains("model_directory") ||
      !source.run["model_directory"].is_string())
    return "";
  std::filesystem::path folder = source.run["model_directory"].get<std::string>();
  // A folder of the hub cache: models--OWNER--NAME/snapshots/REVISION.
  for (const auto& part : folder)
    if (const std::string name = part.string(); name.starts_with("models--"))
      return name.substr(name.rfind("--") + 2);
  if (!folder.has_filename()) folder = folder.parent_path();
  return folder.filename().string();
}

json commands_of(const RunSource& source) {
  const std::string file = shell_word(source.file);
  if (!source.sealed)
    return {{"verify", "lensbench verify " + file}, {"show", "lensbench show " + file}};
  return {{"verify", "lensbench verify " + file},
          {"replay", "lensbench replay " + file},
          {"show", "lensbench show " + file}};
}

json name_value_pairs(const json& facts) {
  json pairs = json::array();
  if (!facts.is_object()) return pairs;
  for (const auto& [name, value] : facts.items()) pairs.push_back({name, json_text(value)});
  return pairs;
}

std::string json_text(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json page_index(const PageContent& content, BlockList& blocks) {
  json archives = json::array(), notes = json::array();
  for (std::size_t run = 0; run < content.runs.size(); ++run)
    archives.push_back(ArchiveWriter(content, run, blocks).write());
  for (const LeftOut& one : left_out(content))
    notes.push_back({{"what", one.what}, {"command", one.command}});
  json index = {{"page_format", 1},
                {"generator", generator()},
                {"kind", content.difference ? "comparison" : "single"},
                {"archives", std::move(archives)},
                {"max_bytes", content.request.max_bytes},
                {"left_out", std::move(notes)}};
  if (content.difference) index["comparison"] = comparison(content, blocks);
  return index;
}

}  // namespace lensbench::page
