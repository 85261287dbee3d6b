#include <lensbench/archive.hpp>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "archive/archive_reader.hpp"
#include "archive/digest/verify.hpp"
#include "core/text/json.hpp"

// Public reader of archives. It parses in the process of the caller, without the confinement of
// `in_child`, so it is for archives that the caller trusts; the structure is still checked first.

namespace lensbench {
namespace {

// Limit for fields of a case, which are JSON from the file.
constexpr JsonLimits kCaseFieldLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};

/// Result of `read`, which reads from the file. Errors of other libraries about its content become
/// InputError, and every message names the file.
template <class Read>
auto read_checked(const std::filesystem::path& path, Read&& read) {
  try {
    return read();
  } catch (const InputError& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) throw;
    throw InputError(path.string() + ": damaged: " + message);
  } catch (const std::bad_alloc&) {
    // Too little memory is not a fault of the file.
    throw;
  } catch (const std::exception& error) {
    throw InputError(path.string() + ": damaged: " + error.what());
  }
}

/// Record of a case for the public interface, with its other fields parsed.
ArchivedCase archived(const CaseRecord& record, const std::string& where) {
  ArchivedCase one{record.id, record.text, record.ids, {}, record.status, record.error};
  if (!record.fields.empty())
    one.fields = parse_json(record.fields, where, kCaseFieldLimits)
                     .get<std::map<std::string, std::string>>();
  return one;
}

}  // namespace

// The public header does not include HDF5.
struct Archive::State {
  explicit State(const std::filesystem::path& path) : reader(path) {}
  ArchiveReader reader;
};

Archive::Archive(const std::filesystem::path& path)
    : state_(read_checked(path, [&] { return std::make_unique<State>(path); })) {}

Archive::~Archive() = default;
Archive::Archive(Archive&&) noexcept = default;
Archive& Archive::operator=(Archive&&) noexcept = default;

const std::filesystem::path& Archive::path() const {
  return state_->reader.path();
}

std::int64_t Archive::format() const {
  return state_->reader.format();
}

const std::map<std::string, Attribute>& Archive::attributes() const {
  return state_->reader.attributes();
}

std::string Archive::request() const {
  return read_checked(path(), [&] { return canonical_json(state_->reader.request()); });
}

std::vector<ArchivedCase> Archive::cases() const {
  return read_checked(path(), [&] {
    std::vector<ArchivedCase> cases;
    for (const CaseRecord& record : state_->reader.cases())
      cases.push_back(
          archived(record, path().string() + "/recipe/fields of case '" + record.id + "'"));
    return cases;
  });
}

std::vector<std::string> Archive::names() const {
  return read_checked(path(), [&] { return state_->reader.names(); });
}

Dataset Archive::read(const std::string& name) const {
  return read_checked(path(), [&] { return state_->reader.read(name); });
}

/// Only the first finding, since the message is one sentence; `lensbench verify` prints all.
void Archive::verify() const {
  const VerifyResult result = read_checked(path(), [&] { return verify_archive(path()); });
  if (!result.intact) throw InputError(path().string() + ": damaged: " + result.findings.front());
}

}  // namespace lensbench
