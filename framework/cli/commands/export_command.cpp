#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/archive_reader.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/parse/options.hpp"
#include "core/files/atomic_file.hpp"
#include "core/text/suggest.hpp"
#include "report/export/csv.hpp"
#include "report/export/json.hpp"
#include "report/export/npz.hpp"
#include "report/export/safetensors_export.hpp"

namespace lensbench::cli {
namespace {

/// Parses `lens/entropy` into dataset `lens` and variable `entropy`.
struct Wanted {
  std::string dataset, variable;
};

Wanted parse_wanted(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {text, ""};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

/// \throws InputError if the dataset lacks the variable
void check_variable(const ArchiveReader& archive, const StoredDataset& dataset,
                    const Wanted& wanted) {
  std::vector<std::string> names;
  for (const StoredVariable& variable : dataset.variables) names.push_back(variable.facts.name);
  if (wanted.variable.empty() ||
      std::find(names.begin(), names.end(), wanted.variable) != names.end())
    return;
  throw InputError(archive.path().string() + "/results/" + wanted.dataset + ": lacks a variable '" +
                   wanted.variable + "'" + suggest(wanted.variable, names));
}

/// A variable with the coordinates of its axes, or the whole dataset.
StoredDataset selected(StoredDataset dataset, const std::string& variable) {
  if (variable.empty()) return dataset;
  const std::vector<std::string> dims = dataset[variable].facts.dims;
  StoredDataset result;
  for (StoredVariable& other : dataset.variables) {
    // A coordinate over dimensions of the variable labels its axes; others would be lost in a
    // table.
    const bool labels =
        other.facts.coordinate &&
        std::all_of(other.facts.dims.begin(), other.facts.dims.end(), [&](const auto& dim) {
          return std::find(dims.begin(), dims.end(), dim) != dims.end();
        });
    if (other.facts.name == variable || labels) result.variables.push_back(std::move(other));
  }
  return result;
}

/// Loads a whole dataset: npy files start with the length of the array, and libzip needs it whole.
std::vector<Variable> in_memory(const StoredDataset& dataset) {
  std::vector<Variable> variables;
  for (const StoredVariable& stored : dataset.variables) {
    variables.push_back(stored.facts);
    if (stored.rows)
      variables.back().tensor = stored.rows({}, 0, stored.shape.empty() ? 1 : stored.shape.front());
  }
  return variables;
}

void write_as_text(std::ostream& text, const StoredDataset& dataset, const std::string& variable,
                   const std::string& format) {
  if (format == "csv") {
    write_csv(text, dataset, variable);
  } else {
    write_json(text, dataset);
    text << "\n";
  }
}

void write(const ArchiveReader& archive, const Wanted& wanted, const std::string& format,
           const std::string& out) {
  StoredDataset dataset = archive.stored(wanted.dataset);
  check_variable(archive, dataset, wanted);
  dataset = selected(std::move(dataset), wanted.variable);
  if (format == "npz") return write_npz(out, in_memory(dataset));
  if (format == "safetensors")
    return write_safetensors(std::filesystem::absolute(out), in_memory(dataset));
  const auto write_text = [&](std::ostream& text) {
    write_as_text(text, dataset, wanted.variable, format);
  };
  if (out.empty())
    write_text(std::cout);
  else
    // A killed export leaves no incomplete file under the final name.
    write_file_atomically(std::filesystem::absolute(out), write_text);
}

}  // namespace

/// All wrong usage is reported before the child process starts.
int run_export(const Options& options) {
  const std::string &format = options.text("format"), &out = options.text("out");
  if (!out.empty() && std::filesystem::exists(out))
    throw UsageError(out + ": the file exists and is not overwritten; give another --out");
  const Wanted wanted = parse_wanted(options.operand(1));
  if ((format == "npz" || format == "safetensors") && out.empty())
    throw UsageError("export: " + format + " is a binary format; name a file with --out FILE");
  if (format == "csv" && wanted.variable.empty())
    throw UsageError("export: csv holds one variable; name it: " + wanted.dataset + "/VARIABLE");
  Access access{{options.operand(0)}};
  // The confined child may read the archive and write in this folder, nothing else.
  if (!out.empty()) access.writable.push_back(std::filesystem::absolute(out).parent_path());
  return in_child(access, [&] {
    write(ArchiveReader(options.operand(0)), wanted, format, out);
    return 0;
  });
}

}  // namespace lensbench::cli
