#include "report/summary/show.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include "archive/archive_reader.hpp"
#include "report/summary/expected_cost.hpp"
#include "report/summary/show_costs.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// Type under which the values are stored, in the words of NumPy. A bool is the last case, because
/// an archive holds no further types.
std::string type_name(const StoredVariable& variable) {
  if (!variable.rows) return "text";
  switch (variable.type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kChar:
      return "int8";
    case at::kByte:
      return "uint8";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    default:
      return "bool";
  }
}

/// Facts of a group of results. No value is read, so that the description of a large archive takes
/// as long as that of a small one.
json describe(const StoredDataset& dataset) {
  json dims = json::array(), variables = json::array();
  std::set<std::string> known;
  for (const StoredVariable& variable : dataset.variables) {
    const Variable& facts = variable.facts;
    for (std::size_t axis = 0; axis < variable.shape.size(); ++axis)
      // Dimensions in the order in which variables use them first; each has one length in a
      // dataset.
      if (known.insert(facts.dims[axis]).second)
        dims.push_back({{"name", facts.dims[axis]}, {"length", variable.shape[axis]}});
    variables.push_back({{"name", facts.name},
                         {"dims", facts.dims},
                         {"type", type_name(variable)},
                         {"units", facts.units},
                         {"long_name", facts.long_name},
                         {"coordinate", facts.coordinate}});
  }
  return {{"dims", dims}, {"variables", variables}};
}

json describe(const std::vector<ReceiptRecord>& receipts) {
  json list = json::array();
  for (const ReceiptRecord& stored : receipts)
    list.push_back({{"name", stored.receipt.name},
                    {"dataset", stored.dataset},
                    {"case", stored.case_number},
                    {"value", stored.receipt.value},
                    {"tolerance", stored.receipt.tolerance},
                    {"passed", stored.receipt.passed},
                    {"note", stored.receipt.note}});
  return list;
}

json describe(const std::vector<CaseRecord>& cases) {
  json list = json::array();
  for (const CaseRecord& one : cases)
    list.push_back({{"id", one.id},
                    {"text", one.text},
                    {"n_tokens", one.n_tokens},
                    {"status", to_string(one.status)},
                    {"error", one.error}});
  return list;
}

/// Files of the model with their digests, from the columns of the table `/recipe`.
json files(const Dataset& recipe) {
  json list = json::array();
  for (std::size_t i = 0; i < recipe["file_role"].strings.size(); ++i)
    list.push_back({{"role", recipe["file_role"].strings[i]},
                    {"name", recipe["file_name"].strings.at(i)},
                    {"sha256", recipe["file_sha256"].strings.at(i)}});
  return list;
}

/// Start of a text, cut between UTF-8 characters.
std::string beginning(const std::string& text) {
  constexpr std::size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest;
  // Bytes 10xxxxxx continue a character; the cut must not be before one of them.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

/// Failed cases are all named with their error, successful ones only up to a number of lines.
void write_cases(std::ostream& out, const json& cases) {
  constexpr std::size_t kMost = 12;
  std::size_t failed = 0, shown = 0;
  for (const json& one : cases) failed += one["status"] == "failed";
  out << "cases       " << cases.size();
  if (failed > 0) out << ", " << failed << " FAILED";
  out << "\n";
  for (const json& one : cases) {
    if (one["status"] == "failed")
      out << "  FAILED    " << one["id"].get<std::string>() << ": "
          << one["error"].get<std::string>() << "\n";
    else if (shown++ < kMost)
      out << "  " << one["id"].get<std::string>() << "  "
          << beginning(one["text"].get<std::string>()) << "  ("
          << one["n_tokens"].get<std::int64_t>() << " tokens)\n";
  }
  if (shown > kMost) out << "  and " << shown - kMost << " more\n";
}

/// Writes facts about the model without its configuration, which only the JSON has.
void write_model(std::ostream& out, json model) {
  if (model.is_object()) model.erase("config");
  out << "model       " << model.dump() << "\n";
}

/// Writes the most important facts about program and machine; the JSON has all of them.
void write_machine(std::ostream& out, const json& environment, const json& run) {
  // A fact that an archive of an older version lacks is an empty text.
  const auto text = [](const json& facts, const char* key) -> std::string {
    if (!facts.is_object() || !facts.contains(key)) return "";
    return facts[key].is_string() ? facts[key].get<std::string>() : facts[key].dump();
  };
  const auto line = [&](const char* title, const std::string& value) {
    if (!value.empty()) out << title << value << "\n";
  };
  const std::string threads = text(environment, "threads"),
                    commit = text(environment, "git_commit");
  line("run         ",
       text(run, "started") + " to " + text(run, "ended") + " on " + text(run, "host"));
  line("by          ", "lensbench " + text(environment, "lensbench") +
                           (commit.empty() ? "" : " (" + commit + ")") + ", libtorch " +
                           text(environment, "libtorch") + ", " + text(environment, "compiler"));
  line("on          ", text(environment, "cpu") + "; " + text(environment, "operating_system"));
  line("computed by ", "BLAS kernels " + text(environment, "blas_core") + ", libtorch kernels " +
                           text(environment, "cpu_capability") + ", " + threads +
                           (threads == "1" ? " thread" : " threads"));
}

/// Receipts with the failed ones first, since a single failure among hundreds must not be missed.
void write_receipts(std::ostream& out, const json& receipts) {
  std::size_t failed = 0;
  for (const json& receipt : receipts) failed += !receipt["passed"].get<bool>();
  out << "receipts    " << receipts.size() - failed << " of " << receipts.size() << " passed\n";
  for (const bool passed : {false, true})
    for (const json& receipt : receipts) {
      if (receipt["passed"].get<bool>() != passed) continue;
      out << (passed ? "  passed    " : "  FAILED    ") << receipt["dataset"].get<std::string>()
          << "/" << receipt["name"].get<std::string>() << ": " << receipt["value"].dump()
          << (passed ? " <= " : " > ") << receipt["tolerance"].dump();
      // The number -1 means a receipt of the whole dataset.
      if (receipt["case"].get<std::int64_t>() >= 0 && !passed)
        out << " (worst in case " << receipt["case"].get<std::int64_t>() << ")";
      out << "\n";
    }
}

/// Writes the numbers of forwards, which older archives do not have.
void write_forwards(std::ostream& out, const json& run) {
  if (!run.is_object() || !run.contains("activations")) return;
  const json& activations = run["activations"];
  out << "forwards    " << activations.value("forwards", std::int64_t{0}) << " for activations, "
      << activations.value("requests_without_a_forward", std::int64_t{0})
      << " requests without a forward"
      << (activations.value("shared", true) ? "" : " (not shared between tools)") << "\n";
}

/// Writes what the run was expected to cost, where its tool said so.
void write_expected_cost(std::ostream& out, const json& run) {
  if (run.is_object() && run.contains("expected_cost"))
    out << "expected    " << describe_expected_cost(run["expected_cost"]) << "\n";
}

/// Groups of results with their variables. A star marks coordinates, as in the output of xarray.
void write_results(std::ostream& out, const json& results) {
  for (const auto& [name, group] : results.items()) {
    out << "\n/results/" << name << "  (";
    std::string separator;
    for (const json& dim : group["dims"]) {
      out << separator << dim["name"].get<std::string>() << " " << dim["length"].dump();
      separator = ", ";
    }
    out << ")\n";
    for (const json& variable : group["variables"]) {
      std::string dims;
      for (const json& dim : variable["dims"])
        dims += (dims.empty() ? "" : ", ") + dim.get<std::string>();
      out << (variable["coordinate"].get<bool>() ? "  * " : "    ")
          << variable["name"].get<std::string>() << "(" << dims << ") "
          << variable["type"].get<std::string>() << " [" << variable["units"].get<std::string>()
          << "]  " << variable["long_name"].get<std::string>() << "\n";
    }
  }
}

}  // namespace

/// The JSON is made first and the text from it, so that scripts and users see the same facts.
json describe_archive_json(const std::filesystem::path& path) {
  const ArchiveReader archive(path);
  json results = json::object();
  for (const std::string& name : archive.names()) results[name] = describe(archive.stored(name));
  json digests = json::object();
  for (const char* name : {"results_sha256", "recipe_sha256", "environment_sha256", "seal_sha256"})
    digests[name] = archive.attribute(name);
  // Archives of format 1 lack the digest of the cases.
  if (const std::string cases = archive.attribute("cases_sha256"); !cases.empty())
    digests["cases_sha256"] = cases;
  return {{"file", path.string()},
          {"title", archive.attribute("title")},
          {"experiment", archive.attribute("experiment")},
          {"experiment_version", archive.attribute("experiment_version")},
          {"format_version", archive.format()},
          {"complete", archive.complete()},
          {"request", archive.request()},
          {"environment", archive.environment()},
          {"run", archive.run()},
          {"costs", describe_costs_json(archive.costs(), path.string())},
          {"files", files(archive.recipe())},
          {"cases", describe(archive.cases())},
          {"receipts", describe(archive.receipts())},
          {"digests", digests},
          {"results", results}};
}

std::string describe_archive(const std::filesystem::path& path) {
  const json facts = describe_archive_json(path);
  std::ostringstream out;
  const auto text = [&](const char* key) { return facts[key].get<std::string>(); };
  out << text("title") << "\n"
      << "file        " << text("file") << "\n"
      << "experiment  " << text("experiment") << " " << text("experiment_version") << "\n"
      << "format      " << facts["format_version"].dump() << "\n";
  if (facts["request"].is_object() && facts["request"].contains("model"))
    write_model(out, facts["request"]["model"]);
  for (const json& file : facts["files"])
    out << "  " << file["role"].get<std::string>() << "  " << file["name"].get<std::string>()
        << "  " << file["sha256"].get<std::string>().substr(0, 16) << "\n";
  write_machine(out, facts["environment"], facts["run"]);
  if (!facts["complete"].get<bool>()) out << "INCOMPLETE: some planned cases have not run\n";
  write_cases(out, facts["cases"]);
  write_receipts(out, facts["receipts"]);
  out << describe_costs(facts["costs"]);
  write_forwards(out, facts["run"]);
  write_expected_cost(out, facts["run"]);
  for (const auto& [name, digest] : facts["digests"].items())
    out << name << std::string(20 - std::min<std::size_t>(20, name.size()), ' ')
        << digest.get<std::string>() << "\n";
  write_results(out, facts["results"]);
  return out.str();
}

}  // namespace lensbench
