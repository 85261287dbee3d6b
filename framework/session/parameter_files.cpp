#include "session/parameter_files.hpp"

#include <cctype>
#include <filesystem>
#include <functional>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/hub_cache.hpp"
#include "core/files/sha256.hpp"
#include "core/text/suggest.hpp"

// Files and models that parameters name. A recipe must not depend on the folders of one machine,
// and a replay must find the files: the recipe has names and digests, `/run` has the paths.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// A file, and the dataset in it that is meant: `ARCHIVE.h5:results/NAME`.
struct FileReference {
  std::string path;
  std::string inside;  ///< `:results/NAME`, or empty
};

/// Splits a reference to a dataset in an archive. A file whose name has this form counts as a file.
FileReference reference_of(const std::string& text) {
  const auto colon = text.rfind(":results/");
  if (colon == std::string::npos || fs::exists(text)) return {text, ""};
  return {text.substr(0, colon), text.substr(colon)};
}

/// Whether a value of type `file` names windows that the model samples, and not a file.
bool is_generated(const std::string& text) {
  return text.starts_with("generated:") && !fs::exists(text);
}

/// Beginning of the messages about the value of a parameter.
std::string subject_of_value(const Parameters& parameters, const ParameterInfo& parameter) {
  return parameters.subject() + ": parameter '" + parameter.name + "': ";
}

/// All files of another model, with the parameter in their role, so that they are not mistaken for
/// those of the main model.
void add_files_of_model(std::vector<FileRecord>& records, const std::string& role,
                        const std::string& model, const FileDigest& digest) {
  const Checkpoint checkpoint(resolve_model_directory(model));
  for (const auto& file : checkpoint.files())
    records.push_back(file_record(role + " " + file.role, file.path, digest));
  if (const auto tokenizer = Tokenizer::open(checkpoint.directory()))
    for (const auto& path : tokenizer->files())
      records.push_back(file_record(role + " tokenizer", path, digest));
}

/// A model that cannot be opened is named with the parameter: a request may name several models.
void add_model(std::vector<FileRecord>& records, const std::string& subject,
               const std::string& role, const std::string& model, const FileDigest& digest) {
  try {
    add_files_of_model(records, role, model, digest);
  } catch (const InputError& error) {
    throw InputError(subject + error.what());
  }
}

/// The file of a parameter, or the files of a folder if the parameter declares their names.
void add_file(std::vector<FileRecord>& records, const Parameters& parameters,
              const ParameterInfo& parameter, const FileDigest& digest) {
  if (is_generated(parameters.text(parameter.name))) return;
  const FileReference reference = reference_of(parameters.text(parameter.name));
  const std::string subject = subject_of_value(parameters, parameter) + "'" + reference.path + "' ";
  std::error_code error;
  if (!fs::exists(reference.path, error))
    throw InputError(subject + "does not exist; give the path of a file");
  if (!fs::is_directory(reference.path, error)) {
    // A device or a pipe may never end.
    if (!fs::is_regular_file(reference.path, error))
      throw InputError(subject + "is not a regular file; give the path of a file");
    records.push_back(file_record(parameter.name + " file", reference.path, digest));
    records.back().name += reference.inside;
    return;
  }
  // For a folder, the declared words are the names of the files in it.
  const auto names = parameter.words();
  if (names.empty()) throw InputError(subject + "is a folder; give the path of a file");
  for (const std::string& name : names) {
    const fs::path file = fs::path(reference.path) / name;
    if (!fs::exists(file, error))
      throw InputError(subject + "lacks the file '" + name + "'; expected a folder with " +
                       join(names, ", "));
    records.push_back(file_record(parameter.name + " " + name, file, digest));
  }
}

std::string changed_items(const std::vector<std::string>& items,
                          const std::function<std::string(const std::string&)>& change) {
  std::vector<std::string> changed;
  changed.reserve(items.size());
  for (const auto& item : items) changed.push_back(change(item));
  return join(changed, ",");
}

/// Changes the values that name models or files.
Settings changed(const Parameters& parameters,
                 const std::function<std::string(const std::string&)>& of_model,
                 const std::function<std::string(const std::string&)>& of_file, bool only_these) {
  Settings values;
  for (const auto& parameter : parameters.declared()) {
    const std::string& value = parameters.values().at(parameter.name);
    const bool is_model =
        parameter.type == ParameterType::model || parameter.type == ParameterType::models;
    const bool is_file = parameter.type == ParameterType::file;
    if (value.empty() || (!is_model && !is_file) || (is_file && is_generated(value))) {
      if (!only_these) values[parameter.name] = value;
      continue;
    }
    if (parameter.type == ParameterType::models)
      values[parameter.name] = changed_items(parameters.list(parameter.name), of_model);
    else
      values[parameter.name] = is_model ? of_model(value) : of_file(value);
  }
  return values;
}

}  // namespace

FileRecord file_record(const std::string& role, const fs::path& path, const FileDigest& digest) {
  return {role, path.filename().string(), digest(path),
          static_cast<std::int64_t>(fs::file_size(path))};
}

std::vector<FileRecord> parameter_file_records(const Parameters& parameters,
                                               const FileDigest& digest) {
  std::vector<FileRecord> records;
  for (const auto& parameter : parameters.declared()) {
    if (parameters.values().at(parameter.name).empty()) continue;
    const std::string subject = subject_of_value(parameters, parameter);
    if (parameter.type == ParameterType::model)
      add_model(records, subject, parameter.name, parameters.text(parameter.name), digest);
    if (parameter.type == ParameterType::models) {
      std::size_t index = 0;
      // Models of a list are numbered, since two may have files of the same names.
      for (const auto& model : parameters.list(parameter.name))
        add_model(records, subject, parameter.name + " " + std::to_string(++index), model, digest);
    }
    if (parameter.type == ParameterType::file) add_file(records, parameters, parameter, digest);
  }
  return records;
}

/// For the recipe. Equal requests from different folders must have equal recipes.
Settings portable_values(const Parameters& parameters) {
  return changed(
      parameters, model_label,
      [](const std::string& value) {
        const FileReference reference = reference_of(value);
        return model_label(reference.path) + reference.inside;
      },
      false);
}

/// For `/run`: only values that name something on this machine.
Settings path_values(const Parameters& parameters) {
  std::error_code error;
  return changed(
      parameters,
      [&](const std::string& model) {
        return fs::absolute(resolve_model_directory(model), error).string();
      },
      [&](const std::string& value) {
        const FileReference reference = reference_of(value);
        return fs::absolute(reference.path, error).string() + reference.inside;
      },
      true);
}

/// The last part of the path identifies the model for a reader; the digests identify it exactly.
std::string model_label(const std::string& model) {
  auto name = fs::path(model).lexically_normal();
  if (name.filename().empty()) name = name.parent_path();
  std::string label = name.filename().string();
  for (char& c : label)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  return label.empty() ? "model" : label;
}

}  // namespace lensbench
