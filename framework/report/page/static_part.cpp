#include "report/page/static_part.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/markup.hpp"
#include "report/page/compare.hpp"
#include "report/page/escape.hpp"
#include "report/page/last_prediction.hpp"
#include "report/page/markup.hpp"
#include "report/terminal/numbers.hpp"

namespace lensbench::page {
namespace {

using terminal::number;

std::string number_or_blank(double value) {
  return std::isnan(value) ? "" : number(value);
}

/// Heading of a run: experiment or tools, model, number of cases.
std::string heading_of(const RunSource& source) {
  const bool of_tool = source.request.value("kind", "") == "tool";
  std::string words = of_tool ? source.request.value("name", "") : source.experiment;
  if (words.empty()) words = source.title;
  if (const std::string model = model_name(source); !model.empty()) words += " · " + model;
  return words + " · " + terminal::count(std::ssize(source.cases), "case");
}

std::string request_table(const RunSource& source) {
  const nlohmann::json parameters = source.request.value("parameters", nlohmann::json::object());
  std::vector<Row> rows;
  for (const auto& pair : name_value_pairs(parameters))
    rows.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
  return table("Parameters", {"name", "value"}, rows);
}

std::string receipts_part(const RunSource& source) {
  if (source.receipts.empty()) return paragraph("No receipts: the run checked nothing.");
  std::vector<Row> rows;
  std::size_t failed = 0;
  // Failed ones first: one among hundreds must not be missed.
  for (const bool passed : {false, true})
    for (const ReceiptRecord& one : source.receipts) {
      if (one.receipt.passed != passed) continue;
      if (!passed) ++failed;
      const bool known = one.case_number >= 0 && one.case_number < std::ssize(source.cases);
      rows.push_back({passed ? "passed" : "FAILED", one.dataset, one.receipt.name,
                      number_or_blank(one.receipt.value), number(one.receipt.tolerance),
                      known ? source.cases[static_cast<std::size_t>(one.case_number)].id : "",
                      one.receipt.note});
    }
  const std::string words =
      failed == 0 ? terminal::count(std::ssize(source.receipts), "receipt") + " passed."
                  : std::to_string(failed) + " of " +
                        terminal::count(std::ssize(source.receipts), "receipt") + " FAILED.";
  return paragraph(words, failed > 0 ? "alarm" : "") +
         table("Receipts", {"", "result", "receipt", "value", "at most", "worst case", "note"},
               rows);
}

std::string cases_part(const PageContent& content, std::size_t run) {
  const RunSource& source = *content.runs[run].source;
  std::vector<std::string> heads = {"case", "status", "tokens", "text"};
  for (const CaseColumn& column : content.columns[run])
    heads.push_back(column.unit == "1" ? column.name : column.name + " [" + column.unit + "]");
  std::vector<Row> rows;
  for (const std::int64_t chosen : content.runs[run].chosen) {
    const auto at = static_cast<std::size_t>(chosen);
    const CaseRecord& one = source.cases[at];
    Row row = {one.id, to_string(one.status), std::to_string(one.n_tokens),
               one.error.empty() ? cut(valid_text(one.text), 200) : one.error};
    for (const CaseColumn& column : content.columns[run])
      row.push_back(number_or_blank(column.values[at]));
    rows.push_back(std::move(row));
  }
  std::string words = terminal::count(std::ssize(source.cases), "case") + ", " +
                      std::to_string(complete_cases(source).size()) + " complete.";
  if (rows.size() < source.cases.size())
    words += " The table has the " + std::to_string(rows.size()) + " cases whose data are here.";
  return paragraph(words) + table("Cases", heads, rows);
}

std::string predictions_part(const PageRun& run) {
  std::string out;
  for (const LastPrediction& one : last_predictions(run)) {
    std::vector<Row> rows;
    for (const auto& [text, probability] : one.candidates)
      rows.push_back({std::to_string(rows.size() + 1), text, number_or_blank(probability)});
    out += element("h3", "Prediction after “" + one.token + "”, " + one.layer + ", " + one.where);
    out += table("Most probable tokens", {"rank", "token", "probability"}, rows, "tokens");
  }
  return out;
}

std::string differences_part(const PageContent& content) {
  if (!content.difference) return "";
  std::vector<Row> recipe, variables;
  for (const FactDifference& one : content.difference->recipe)
    recipe.push_back({one.where, one.first, one.second});
  for (const DatasetDifference& dataset : content.difference->datasets)
    for (const VariableDifference& one : dataset.variables)
      variables.push_back({dataset.name, one.name, verdict_of(one.agreement),
                           one.agreement == Agreement::identical ? "" : number(one.max_absolute),
                           one.first});
  return element("h2", "Comparison") +
         (recipe.empty() ? paragraph("The requests are equal.") : "") +
         table("Differences of the requests", {"field", "A", "B"}, recipe) +
         table("Results", {"result", "variable", "verdict", "largest difference", "first at"},
               variables);
}

std::string provenance_part(const RunSource& source) {
  std::vector<Row> digests, files, plugins, environment, run;
  for (const auto& [name, digest] : source.digests) digests.push_back({name, digest});
  const auto text = [](const nlohmann::json& row, const char* key) -> std::string {
    return row.contains(key) ? json_text(row[key]) : "";
  };
  for (const auto& file : source.files)
    files.push_back(
        {text(file, "role"), text(file, "name"), text(file, "bytes"), text(file, "sha256")});
  for (const auto& plugin : source.plugins)
    plugins.push_back({text(plugin, "name"), text(plugin, "version"), text(plugin, "tools"),
                       text(plugin, "sha256")});
  for (const auto& pair : name_value_pairs(source.environment))
    environment.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
  for (const auto& pair : name_value_pairs(source.run))
    run.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
  std::string out = element("h2", "Provenance of " + source.file);
  out +=
      paragraph(source.sealed ? "The digests of the archive were verified when this page was made."
                              : "A run that is not sealed has no digests: nothing was verified.");
  const nlohmann::json commands = commands_of(source);
  for (const auto& [what, command] : commands.items())
    out += "<p>" + escape_markup(what) + ": <code>" + escape_markup(command.get<std::string>()) +
           "</code></p>";
  return out + table("Digests (SHA-256)", {"of", "digest"}, digests) +
         table("Files", {"role", "name", "bytes", "SHA-256"}, files) +
         table("Plug-ins", {"name", "version", "entries", "SHA-256"}, plugins) +
         request_table(source) + table("Environment", {"name", "value"}, environment) +
         table("This run", {"name", "value"}, run);
}

std::string left_out_part(const PageContent& content) {
  std::vector<Row> rows;
  for (const LeftOut& one : left_out(content)) rows.push_back({one.what, one.command});
  if (rows.empty()) return "";
  return element("h2", "Not in this page") + table("Left out", {"what", "command"}, rows);
}

}  // namespace

std::string page_title(const PageContent& content) {
  if (!content.request.title.empty()) return valid_text(content.request.title);
  const RunSource& first = *content.runs.front().source;
  if (content.difference) return first.file + " and " + content.runs.back().source->file;
  return valid_text(first.title.empty() ? first.file : first.title);
}

std::string static_part(const PageContent& content) {
  std::string out = element("h1", page_title(content));
  for (const PageRun& run : content.runs)
    if (!run.source->incomplete.empty()) out += paragraph(run.source->incomplete, "alarm");
  out += differences_part(content);
  for (std::size_t run = 0; run < content.runs.size(); ++run) {
    const RunSource& source = *content.runs[run].source;
    out += "<section>" + element("h2", heading_of(source));
    out += receipts_part(source) + cases_part(content, run) + predictions_part(content.runs[run]) +
           (run < content.pictures.size() ? content.pictures[run] : "") + "</section>";
  }
  out += left_out_part(content);
  for (const PageRun& run : content.runs) out += provenance_part(*run.source);
  return out + paragraph("Made by " + generator() + ".");
}

}  // namespace lensbench::page
