#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/hdf5/stored_dataset.hpp"
#include "archive/records.hpp"

namespace lensbench {

/// A sealed archive, open for reading. Every function throws InputError for damaged content.
class ArchiveReader {
 public:
  /// \throws InputError if the file is missing, not HDF5, not a lensbench archive or of a later
  ///   format than this version knows
  explicit ArchiveReader(const std::filesystem::path& path);
  ~ArchiveReader();
  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;

  const std::filesystem::path& path() const;
  /// Attributes of the root: title, experiment, digests.
  const std::map<std::string, Attribute>& attributes() const;
  /// A text attribute of the root; empty if it is missing.
  std::string attribute(const std::string& name) const;
  /// Version of the format that the archive has.
  std::int64_t format() const;
  bool complete() const;

  nlohmann::json request() const;
  nlohmann::json environment() const;
  nlohmann::json run() const;
  /// Costs of cases, tools and, with a profile, components of the model (see docs/archive.md).
  Dataset costs() const;
  std::string source() const;
  /// Table `/recipe`, with dimensions file, plugin and case.
  Dataset recipe() const;
  std::vector<CaseRecord> cases() const;
  std::vector<ReceiptRecord> receipts() const;
  Dataset vocabulary() const;

  /// Names of the datasets under `/results`.
  std::vector<std::string> names() const;
  /// Dataset of a name. \throws InputError with the names of all datasets if it is missing
  Dataset read(const std::string& name) const;
  /// Dataset of a name whose values remain in the file; this reader must outlive it.
  StoredDataset stored(const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
