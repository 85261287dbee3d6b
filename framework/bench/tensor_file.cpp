#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/tensor_file.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "archive/archive_reader.hpp"
#include "archive/digest/verify.hpp"
#include "archive/sandbox/guard.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "core/text/json.hpp"
#include "core/text/printable.hpp"
#include "core/text/shell_words.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

constexpr std::string_view kInside = ":results/";
constexpr JsonLimits kListLimits = {.max_bytes = std::size_t{256} << 20, .max_depth = 16};

/// The result, and perhaps the variable, of an archive that a path names.
struct ResultPath {
  std::string archive;
  std::string result;  ///< what follows `:results/`
};

/// A file whose name contains `:results/` is still a file.
std::optional<ResultPath> result_path(const std::string& source) {
  const auto colon = source.rfind(kInside);
  if (colon == std::string::npos || std::filesystem::exists(source)) return std::nullopt;
  return ResultPath{source.substr(0, colon), source.substr(colon + kInside.size())};
}

/// Result and variable (empty: all) that a path names in an open archive.
/// The last part of the path is a variable only if the rest names a result and the whole does not.
std::pair<std::string, std::string> parts_of(const ResultPath& path, const ArchiveReader& archive) {
  const auto names = archive.names();
  const auto has = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto slash = path.result.rfind('/');
  if (!has(path.result) && slash != std::string::npos && has(path.result.substr(0, slash)))
    return {path.result.substr(0, slash), path.result.substr(slash + 1)};
  return {path.result, ""};
}

/// safetensors metadata are texts, so attributes of archives become texts too.
std::string text_of(const Attribute& attribute) {
  if (const auto* number = std::get_if<std::int64_t>(&attribute)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&attribute)) return json(*number).dump();
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  return join(std::get<std::vector<std::string>>(attribute), ",");
}

/// Shape of a variable without the axis that the bench adds to the result of a case, if the archive
/// has one case.
std::vector<std::int64_t> own_shape(const StoredVariable& variable) {
  const Variable& facts = variable.facts;
  const bool added = !facts.coordinate && !facts.dims.empty() && variable.shape.front() == 1 &&
                     (facts.dims.front() == "case" || facts.dims.front() == "case_number");
  return {variable.shape.begin() + (added ? 1 : 0), variable.shape.end()};
}

json entry_of(const StoredVariable& one) {
  json entry = {{"name", one.facts.name}};
  // Texts of an archive are small and travel with the description.
  if (one.facts.is_text() && one.rows == nullptr)
    entry["texts"] = one.facts.strings;
  else
    entry["shape"] = own_shape(one), entry["dtype"] = safetensors_dtype(one.type);
  return entry;
}

/// Names, types, shapes and texts of a result. It runs in the confined process.
std::string describe(const ResultPath& path) {
  // Digests are checked first: a damaged archive must not become input of an analysis.
  const VerifyResult checked = verify_archive(path.archive);
  if (!checked.intact) throw InputError(path.archive + ": damaged: " + checked.findings.front());
  const ArchiveReader archive(path.archive);
  const auto [name, variable] = parts_of(path, archive);
  const StoredDataset stored = archive.stored(name);
  if (!variable.empty()) (void)stored[variable];
  json list = json::array();
  for (const StoredVariable& one : stored.variables) {
    if (!variable.empty() && one.facts.name != variable) continue;
    list.push_back(entry_of(one));
  }
  json metadata = json::object();
  for (const auto& [key, value] : stored.attributes) metadata[key] = text_of(value);
  return json{{"result", name}, {"variables", list}, {"metadata", metadata}}.dump();
}

/// The bytes of a variable. It runs in the confined process.
std::string bytes_of(const std::string& archive, const std::string& result,
                     const std::string& variable) {
  const at::Tensor values = ArchiveReader(archive).read(result)[variable].tensor.contiguous();
  return {static_cast<const char*>(values.data_ptr()), values.nbytes()};
}

/// Refused by their first bytes, before any reader opens the file.
void require_not_pickled(const std::string& file) {
  // Opening a named pipe would wait for ever; the reader of safetensors refuses it.
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return;
  std::array<char, 9> start{};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  const std::string_view bytes(start.data(), start.size());
  // Zip files hold the pickles of torch.save and of numpy.savez; a pickle itself starts with its
  // protocol.
  const bool zip = bytes.starts_with("PK"), pickle = bytes[0] == '\x80' && bytes[1] <= 5;
  // A safetensors file starts with the length of its header, which may have the same first bytes
  // (128 is 0x80), and its header with a brace.
  const bool header = bytes.substr(4, 5) == std::string_view("\0\0\0\0{", 5);
  if ((!zip && !pickle) || header) return;
  throw InputError(
      printable(file) +
      ": is a pickled or zipped file (torch.save, numpy.savez), which lensbench never opens "
      "because loading it can run code; if you trust it, convert it: " +
      python_command("import torch; from safetensors.torch import save_file as s",
                     "d = torch.load(a[0], weights_only=True); s({k: v.contiguous() for k, v in "
                     "d.items()}, a[1])",
                     {file, file + ".safetensors"}));
}

/// Negative lengths mean any.
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> items;
  items.reserve(shape.size());
  for (const auto length : shape) items.push_back(length < 0 ? "any" : std::to_string(length));
  return "[" + join(items, ", ") + "]";
}

bool fits(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& expected) {
  if (expected.empty()) return true;
  return std::equal(shape.begin(), shape.end(), expected.begin(), expected.end(),
                    [](auto found, auto asked) { return asked < 0 || found == asked; });
}

}  // namespace

/// A safetensors file is mapped and read here; an archive is read in a confined process, since its
/// reader is large and the file may be hostile.
struct TensorFile::State {
  struct Entry {
    at::ScalarType dtype = at::kFloat;
    std::vector<std::int64_t> shape;
  };

  explicit State(const std::string& given) : source(given) {
    if (const auto inside = result_path(given))
      open_result(*inside);
    else
      open_safetensors();
  }

  // The child describes the result as JSON; the values follow when they are read.
  void open_result(const ResultPath& path) {
    archive = path.archive;
    const json all =
        parse_json(ask_child({{archive}}, [&] { return describe(path); }), source, kListLimits);
    result = all["result"];
    for (const json& one : all["variables"]) {
      const std::string name = one["name"];
      if (one.contains("texts")) {
        texts[name] = one["texts"].get<std::vector<std::string>>();
        continue;
      }
      Entry entry{at::kFloat, one["shape"].get<std::vector<std::int64_t>>()};
      scalar_type_of(one["dtype"].get<std::string>(), entry.dtype);
      entries.emplace(name, std::move(entry));
      names.push_back(name);
    }
    metadata = all["metadata"].get<std::map<std::string, std::string>>();
  }

  void open_safetensors() {
    std::error_code error;
    if (!std::filesystem::exists(source, error))
      throw InputError(printable(source) +
                       ": file not found; expected a safetensors file, or ARCHIVE.h5:results/NAME");
    if (std::filesystem::is_directory(source, error))
      throw InputError(printable(source) +
                       ": is a folder, expected a safetensors file, or ARCHIVE.h5:results/NAME; "
                       "give the path of a file in it");
    require_not_pickled(source);
    if (source.ends_with(".h5"))
      throw InputError(printable(source) + ": is an archive; name the result that is meant: " +
                       printable(source) + ":results/NAME");
    safetensors.emplace(source);
    for (const auto& [name, entry] : safetensors->entries()) {
      entries.emplace(name, Entry{entry.dtype, entry.shape});
      names.push_back(name);
    }
    metadata.insert(safetensors->metadata().begin(), safetensors->metadata().end());
  }

  const Entry& entry(const std::string& name) const {
    const auto found = entries.find(name);
    if (found == entries.end())
      throw InputError(printable(source) + ": tensor '" + name + "' is missing; the file has " +
                       (names.empty() ? "none" : join(names, ", ")));
    return found->second;
  }

  at::Tensor values(const std::string& name, const Entry& stored) const {
    // A copy, so that the tensor outlives the mapping of the file.
    if (safetensors) return safetensors->tensor(name).clone();
    const std::string bytes =
        ask_child({{archive}}, [&] { return bytes_of(archive, result, name); });
    at::Tensor values = at::empty(stored.shape, at::TensorOptions(stored.dtype));
    // The archive was described earlier; its size must still agree.
    if (bytes.size() != values.nbytes())
      throw InputError(printable(source) + ": variable '" + name + "' changed while it was read");
    std::copy(bytes.begin(), bytes.end(), static_cast<char*>(values.data_ptr()));
    return values;
  }

  std::string source;
  std::string archive, result;  ///< empty for a safetensors file
  std::optional<SafetensorsFile> safetensors;
  std::vector<std::string> names;
  std::map<std::string, Entry> entries;
  std::map<std::string, std::vector<std::string>> texts;
  std::map<std::string, std::string> metadata;
};

TensorFile::TensorFile(const std::string& source) : state_(std::make_unique<State>(source)) {}
TensorFile::~TensorFile() = default;
TensorFile::TensorFile(TensorFile&&) noexcept = default;
TensorFile& TensorFile::operator=(TensorFile&&) noexcept = default;

const std::string& TensorFile::source() const {
  return state_->source;
}

const std::vector<std::string>& TensorFile::names() const {
  return state_->names;
}

bool TensorFile::contains(const std::string& name) const {
  return state_->entries.contains(name);
}

std::vector<std::int64_t> TensorFile::shape(const std::string& name) const {
  return state_->entry(name).shape;
}

at::Tensor TensorFile::read(const std::string& name,
                            const std::vector<std::int64_t>& expected) const {
  const auto& stored = state_->entry(name);
  const std::string subject = printable(state_->source) + ": tensor '" + name + "': ";
  if (!fits(stored.shape, expected))
    throw InputError(subject + "the shape is " + shape_text(stored.shape) + ", expected " +
                     shape_text(expected) + "; give a file made for this model and option");
  at::Tensor values = state_->values(name, stored);
  // NaN in a result has a reason, which its description gives.
  if (state_->safetensors && values.is_floating_point() && !at::isfinite(values).all().item<bool>())
    throw InputError(subject +
                     "contains NaN or infinity, expected finite numbers; write the file again from "
                     "finite values");
  return values;
}

const std::vector<std::string>& TensorFile::texts(const std::string& name) const {
  const auto found = state_->texts.find(name);
  if (found == state_->texts.end())
    throw InputError(printable(state_->source) + ": variable '" + name +
                     "' of texts is missing from it");
  return found->second;
}

const std::map<std::string, std::string>& TensorFile::metadata() const {
  return state_->metadata;
}

}  // namespace lensbench
