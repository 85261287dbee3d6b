#include "archive/archive_reader.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/structure.hpp"
#include "archive/seal/tables.hpp"
#include "core/text/json.hpp"

// Reader of sealed archives. Opening checks structure and format before any content is read; tables
// are read by each call and not kept.

namespace lensbench {
namespace {

std::vector<std::int64_t> integers(const Variable& variable) {
  const at::Tensor values = variable.tensor.to(at::kLong).contiguous();
  return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
}

constexpr JsonLimits kFactLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};

/// Later formats are refused and not read in part: a reader could not know what it overlooks.
void check_format(std::int64_t format, const std::string& path) {
  if (format > kArchiveFormat)
    throw InputError(path + ": the archive has format " + std::to_string(format) +
                     ", which is newer than this lensbench (it reads formats 1 to " +
                     std::to_string(kArchiveFormat) + "); update lensbench");
  if (format < 1)
    throw InputError(path + ": damaged: format_version is " + std::to_string(format) +
                     " or missing, expected 1 to " + std::to_string(kArchiveFormat));
}

}  // namespace

// The template is defined after `receipts`, which it uses.
struct ArchiveReader::State {
  std::filesystem::path path;
  hdf5::Handle file;
  std::map<std::string, Attribute> attributes;

  template <class Read>
  auto results(const ArchiveReader& reader, const std::string& name, Read&& read) const;
  /// One table of the archive. \param skip  members that are not columns
  Dataset table(const std::string& group, const std::set<std::string>& skip = {}) const {
    return read_dataset(hdf5::open_group(file, group), path.string() + "/" + group, skip);
  }
  /// A JSON document of the archive, within limits: it may come from a hostile file.
  nlohmann::json json(const std::string& group, const std::string& name) const {
    const std::string where = path.string() + "/" + group;
    return parse_json(read_text(hdf5::open_group(file, group), where, name), where + "/" + name,
                      kFactLimits);
  }
};

ArchiveReader::ArchiveReader(const std::filesystem::path& path)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->file = hdf5::open_file(path.string());
  // Before everything else: reading may follow any structure.
  check_structure(state_->file, path.string());
  state_->attributes = read_attributes(state_->file, path.string());
  if (attribute("Conventions") != "lensbench-1.0")
    throw InputError(path.string() +
                     ": is an HDF5 file, but not a lensbench archive: Conventions is '" +
                     attribute("Conventions") + "', expected 'lensbench-1.0'");
  check_format(format(), path.string());
}

ArchiveReader::~ArchiveReader() = default;
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;

const std::filesystem::path& ArchiveReader::path() const {
  return state_->path;
}

const std::map<std::string, Attribute>& ArchiveReader::attributes() const {
  return state_->attributes;
}

/// Text of an attribute of the root; "" if it is missing or not a text, which no digest equals.
std::string ArchiveReader::attribute(const std::string& name) const {
  const auto found = state_->attributes.find(name);
  if (found == state_->attributes.end()) return "";
  const auto* text = std::get_if<std::string>(&found->second);
  return text == nullptr ? "" : *text;
}

/// 0 for a missing or damaged version, which `check_format` refuses.
std::int64_t ArchiveReader::format() const {
  const auto found = state_->attributes.find("format_version");
  if (found == state_->attributes.end()) return 0;
  const auto* number = std::get_if<std::int64_t>(&found->second);
  return number == nullptr ? 0 : *number;
}

bool ArchiveReader::complete() const {
  const auto found = state_->attributes.find("complete");
  return found != state_->attributes.end() && found->second == Attribute(std::int64_t{1});
}

nlohmann::json ArchiveReader::request() const {
  return state_->json("recipe", "request");
}
nlohmann::json ArchiveReader::environment() const {
  return state_->json("environment", "json");
}
nlohmann::json ArchiveReader::run() const {
  return state_->json("run", "json");
}

std::string ArchiveReader::source() const {
  return read_text(hdf5::open_group(state_->file, "recipe"), state_->path.string() + "/recipe",
                   "source");
}

Dataset ArchiveReader::recipe() const {
  return state_->table("recipe", {"request", "source"});
}
Dataset ArchiveReader::costs() const {
  return state_->table("run", {"json"});
}
Dataset ArchiveReader::vocabulary() const {
  return state_->table("vocabulary");
}

std::string to_string(CaseStatus status) {
  switch (status) {
    case CaseStatus::planned:
      return "planned";
    case CaseStatus::complete:
      return "complete";
    case CaseStatus::failed:
      return "failed";
  }
  return "unknown";  // lensbench does not write other numbers
}

/// Cases from two tables, the plan and its outcome. All columns are checked while they are read,
/// since a damaged file may have columns of different lengths.
std::vector<CaseRecord> ArchiveReader::cases() const {
  const Dataset plan = recipe(), units = state_->table("units");
  std::vector<CaseRecord> cases;
  try {
    const std::vector<std::int64_t> ids = integers(plan["token_id"]);
    // Archives of format 1 may lack the column.
    const bool has_fields = plan.contains("fields");
    auto next = ids.begin();
    for (std::int64_t i = 0; i < units.dim("case"); ++i) {
      const auto row = static_cast<std::size_t>(i);
      const auto n_tokens = plan["n_tokens"].tensor[i].item<std::int64_t>();
      // The comparison is with what is left, since the sum of the counts could overflow.
      if (n_tokens < 0 || n_tokens > ids.end() - next) throw InputError("too few token ids");
      cases.push_back({plan["case_id"].strings.at(row), plan["text"].strings.at(row), n_tokens,
                       std::vector(next, next + n_tokens),
                       static_cast<CaseStatus>(units["status"].tensor[i].item<std::int8_t>()),
                       units["error_text"].strings.at(row),
                       has_fields ? plan["fields"].strings.at(row) : ""});
      next += n_tokens;
    }
    // Any exception here (a missing column, a short one, another type) is a fault of the file.
  } catch (const std::exception& error) {
    throw InputError(state_->path.string() +
                     ": damaged: /recipe and /units disagree about the cases");
  }
  return cases;
}

/// Receipts of all datasets. A table that `Dataset` refuses is a fault of the file.
std::vector<ReceiptRecord> ArchiveReader::receipts() const {
  try {
    return receipts_from_table(state_->table("receipts"));
  } catch (const UsageError& error) {
    throw InputError(state_->path.string() + "/receipts: " + error.what());
  }
}

/// Names of the groups of results, in the order in which they were written.
std::vector<std::string> ArchiveReader::names() const {
  std::vector<std::string> names;
  for (const auto& child : hdf5::children(hdf5::open_group(state_->file, "results"), "/results"))
    if (child.is_group) names.push_back(child.name);
  return names;
}

/// Reads the group of `name` with `read` and adds its receipts.
template <class Read>
auto ArchiveReader::State::results(const ArchiveReader& reader, const std::string& name,
                                   Read&& read) const {
  const auto known = reader.names();
  // The message lists what the archive has, since names of results are easily mistyped.
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    std::string list;
    for (const std::string& other : known) list += (list.empty() ? "'" : ", '") + other + "'";
    throw InputError(path.string() + ": does not contain results '" + name + "'; it has " +
                     (list.empty() ? "none" : list));
  }
  auto dataset = read(hdf5::open_group(hdf5::open_group(file, "results"), name),
                      path.string() + "/results/" + name);
  for (ReceiptRecord& stored : reader.receipts())
    if (stored.dataset == name) dataset.receipts.push_back(std::move(stored.receipt));
  return dataset;
}

Dataset ArchiveReader::read(const std::string& name) const {
  return state_->results(*this, name, [](hid_t group, const std::string& where) {
    return read_dataset(group, where);
  });
}

StoredDataset ArchiveReader::stored(const std::string& name) const {
  return state_->results(*this, name, [](hid_t group, const std::string& where) {
    return stored_dataset(group, where);
  });
}

}  // namespace lensbench
