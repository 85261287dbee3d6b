#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/archive_reader.hpp"
#include "cli/commands.hpp"
#include "cli/guard.hpp"
#include "cli/options.hpp"
#include "core/atomic_file.hpp"
#include "core/suggest.hpp"
#include "report/csv.hpp"
#include "report/json.hpp"
#include "report/npz.hpp"

namespace lensbench::cli {
namespace {

/// `lens/entropy` -> dataset `lens`, variable `entropy`.
struct Wanted {
  std::string dataset, variable;
};

Wanted parse_wanted(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {text, ""};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

/// The variable with the coordinates of its axes, or the whole dataset.
Dataset selected(const Dataset& dataset, const std::string& variable) {
  if (variable.empty()) return dataset;
  const Variable& wanted = dataset[variable];
  Dataset result;
  for (const Variable& other : dataset.variables()) {
    const bool labels =
        other.coordinate && std::all_of(other.dims.begin(), other.dims.end(), [&](const auto& dim) {
          return std::find(wanted.dims.begin(), wanted.dims.end(), dim) != wanted.dims.end();
        });
    if (other.name == variable || labels) result.add(other);
  }
  return result;
}

void write_text(const std::string& text, const std::string& out) {
  if (out.empty()) {
    std::cout << text;
    return;
  }
  const auto path = std::filesystem::absolute(out);
  write_file_atomically(path, text, path.parent_path());
}

void write(const ArchiveReader& archive, const Wanted& wanted, const std::string& format,
           const std::string& out) {
  const Dataset dataset = selected(archive.read(wanted.dataset), wanted.variable);
  if (format == "json") {
    write_text(dataset_to_json(dataset).dump() + "\n", out);
  } else if (format == "npz") {
    write_npz(out, dataset.variables());
  } else {
    std::ostringstream text;
    write_csv(text, dataset, wanted.variable);
    write_text(text.str(), out);
  }
}

int export_variable(const Options& options) {
  const std::string &format = options.text("format"), &out = options.text("out");
  if (!out.empty() && std::filesystem::exists(out))
    throw UsageError(out + ": exists already and is not overwritten; give another --out");
  const Wanted wanted = parse_wanted(options.operand(1));
  if (format == "npz" && out.empty())
    throw UsageError("export: npz is no text; say where to with --out FILE");
  if (format == "csv" && wanted.variable.empty())
    throw UsageError("export: csv holds one variable; name it: " + wanted.dataset + "/VARIABLE");
  Access access{{options.operand(0)}};
  if (!out.empty()) access.writable.push_back(std::filesystem::absolute(out).parent_path());
  return in_child(access, [&] {
    write(ArchiveReader(options.operand(0)), wanted, format, out);
    return 0;
  });
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .group = "Archives",
          .summary = "a variable as json, csv or npz",
          .description = R"(One dataset of an archive, or one variable of it, for other programs.
`lensbench show FILE` lists what there is. An existing --out is not overwritten.

  json   with dimensions, coordinates, units
  csv    one variable as a tidy table: a line an element, a column for each coordinate
  npz    for numpy.load: the variable and its coordinates; needs --out)",
          .operands = {{"FILE", "an archive", Values::archive},
                       {"RESULTS[/VARIABLE]", "which of its results"}},
          .options = {{.name = "format",
                       .argument = "FORMAT",
                       .help = "what to write",
                       .words = {"json", "csv", "npz"},
                       .initial = "json"},
                      {.name = "out",
                       .argument = "FILE",
                       .help = "where to (default: standard output)",
                       .values = Values::file}},
          .examples = {{"lensbench export results/mine.h5 lens/entropy --format csv > entropy.csv",
                        "one variable as a table"}},
          .run = export_variable};
}

}  // namespace lensbench::cli
