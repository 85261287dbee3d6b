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

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// A file, and the dataset in it that is meant: `ARCHIVE.h5:results/NAME`.
struct FileReference {
  std::string path;
  std::string inside;  ///< `:results/NAME`, or empty
};

FileReference reference_of(const std::string& text) {
  const auto colon = text.rfind(":results/");
  if (colon == std::string::npos || fs::exists(text)) return {text, ""};
  return {text.substr(0, colon), text.substr(colon)};
}

/// Whether a value of type `file` names windows that the model samples, and not a file.
bool is_generated(const std::string& text) {
  return text.starts_with("generated:") && !fs::exists(text);
}

void add_model(std::vector<FileRecord>& records, const std::string& role, const std::string& model,
               const FileDigest& digest) {
  const Checkpoint checkpoint(resolve_model_directory(model));
  for (const auto& file : checkpoint.files())
    records.push_back(file_record(role + " " + file.role, file.path, digest));
  if (const auto tokenizer = Tokenizer::open(checkpoint.directory()))
    for (const auto& path : tokenizer->files())
      records.push_back(file_record(role + " tokenizer", path, digest));
}

void add_file(std::vector<FileRecord>& records, const Parameters& parameters,
              const ParameterInfo& parameter, const FileDigest& digest) {
  if (is_generated(parameters.text(parameter.name))) return;
  const FileReference reference = reference_of(parameters.text(parameter.name));
  const std::string subject =
      parameters.subject() + ": parameter '" + parameter.name + "': '" + reference.path + "' ";
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
    if (parameter.type == ParameterType::models) {
      std::vector<std::string> items;
      for (const auto& item : parameters.list(parameter.name)) items.push_back(of_model(item));
      values[parameter.name] = join(items, ",");
    } else {
      values[parameter.name] = is_model ? of_model(value) : of_file(value);
    }
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
    if (parameter.type == ParameterType::model)
      add_model(records, parameter.name, parameters.text(parameter.name), digest);
    if (parameter.type == ParameterType::models) {
      std::size_t index = 0;
      for (const auto& model : parameters.list(parameter.name))
        add_model(records, parameter.name + " " + std::to_string(++index), model, digest);
    }
    if (parameter.type == ParameterType::file) add_file(records, parameters, parameter, digest);
  }
  return records;
}

Settings portable_values(const Parameters& parameters) {
  return changed(
      parameters, model_label,
      [](const std::string& value) {
        const FileReference reference = reference_of(value);
        return model_label(reference.path) + reference.inside;
      },
      false);
}

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

std::string model_label(const std::string& model) {
  auto name = fs::path(model).lexically_normal();
  if (name.filename().empty()) name = name.parent_path();
  std::string label = name.filename().string();
  for (char& c : label)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  return label.empty() ? "model" : label;
}

}  // namespace lensbench
